# python -m pytest tests/test_step_cost.py
"""Costs counted on tensors without values, against the same step with values."""

import shutil
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from asr.core.errors import InputError
from asr.core.params import load_block, load_family_params
from asr.families.protocols import family_module
from asr.families.whisper.base import Block
from asr.families.whisper.training import OwnParams
from asr.planning.live_bytes import LiveBytes
from asr.planning.sized_model import SizedTrainee, open_sized, sized_model
from asr.planning.step_cost import BatchCost, BatchShape, CostFormula, apart, count
from asr.planning.without_values import WithoutValues, remove_values
from asr.sources.weights import Folder, Hub
from tests.examples import tone, utterance
from tests.tiny_families import CTC, FAMILIES, QWEN3_ASR, ROOT, WHISPER

each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.family)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """The smallest model of each family."""
    folder = tmp_path_factory.mktemp("bases")
    for family in FAMILIES:
        family.write_base(folder / family.family)
    return {family.family: folder / family.family for family in FAMILIES}


def sized(family, base, **changes):
    trainee = family.trainee(base, **changes)
    mode = WithoutValues()
    remove_values(trainee.network, mode)
    return SizedTrainee(trainee, mode)


def batch_of(trainee, num_clips, seconds, text, language):
    """Clips of one length and one text."""
    clips = [tone(seconds) for _ in range(num_clips)]
    them = [utterance(str(n), text=text, duration_s=seconds, language=language)
            for n in range(num_clips)]  # fmt: skip
    context_s = trainee.seconds(seconds)
    tokens = trainee.num_labels(text, language)
    batch = trainee.batch(clips, them, context_s, None, zeros=False)
    return batch, BatchShape(num_clips, context_s, tokens, num_clips * (tokens + 1))


def real_and_shaped(family, base, **changes):
    """FLOPs and peak bytes of a step in bf16, with values and without."""
    trainee = family.trainee(base, **changes)
    batch, _ = batch_of(trainee, 3, 1.5, "бор два", family.language)
    with LiveBytes() as live, FlopCounterMode(display=False) as flops:
        for tensor in [*trainee.network.parameters(), *trainee.network.buffers()]:
            live.add(tensor)
        before = live.live
        with torch.autocast("cpu", torch.bfloat16):
            loss = trainee.summed_loss(batch)
        loss.backward()
    model = sized(family, base, **changes)
    batch, _ = batch_of(model.trainee, 3, 1.5, "бор два", family.language)
    counted = count(model, batch, "bf16", accumulated=False)
    return (flops.get_total_flops(), live.most - before), (counted.flops, counted.peak_bytes)


def assert_alike(real, shaped):
    """FLOPs are equal; peaks are too but for when Python frees what lies in circles, up to 3 %."""
    assert shaped[0] == real[0]
    assert shaped[1] == pytest.approx(real[1], rel=0.1)


@each_family
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_step_without_values_costs_what_the_real_one_costs(bases, family, checkpointing):
    base = bases[family.family]
    assert_alike(*real_and_shaped(family, base, gradient_checkpointing=checkpointing))


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "w2v_bert", "parakeet"])
def test_the_other_encoders_of_ctc_cost_the_same_without_values(tmp_path, kind):
    family = replace(CTC, name=f"tiny_{kind}")
    family.write_base(tmp_path / "base")
    assert_alike(*real_and_shaped(family, tmp_path / "base"))


SHAPES = [(1, 0.5, 2), (3, 0.5, 6), (2, 1.0, 3), (4, 1.0, 9), (1, 2.0, 4), (2, 2.5, 12),
          (3, 1.5, 8), (2, 3.0, 5), (1, 3.0, 14), (4, 2.0, 2)]  # fmt: skip


@each_family
def test_the_formula_gives_the_flops_of_a_batch_that_it_was_not_fitted_to(bases, family):
    model = sized(family, bases[family.family])
    shapes, costs = [], []
    for num_clips, seconds, num_words in [*SHAPES, (6, 1.75, 10)]:
        text = " ".join(["бор"] * num_words)
        batch, shape = batch_of(model.trainee, num_clips, seconds, text, family.language)
        shapes.append(shape)
        costs.append(count(model, batch, "fp32", accumulated=True))
    own = CostFormula(shapes[:-1], costs[:-1])(shapes[-1])
    assert own.flops == pytest.approx(costs[-1].flops, rel=0.03)
    assert own.bytes_moved == pytest.approx(costs[-1].bytes_moved, rel=0.05)
    # It ranks batches; the largest is counted, as another moment may be its peak.
    assert own.peak_bytes == pytest.approx(costs[-1].peak_bytes, rel=0.3)


def cost(flops):
    return BatchCost(flops, 1.0, 1.0, 1.0)


def test_a_formula_is_exact_where_the_cost_is_a_polynomial_of_seconds_and_tokens():
    def flops(shape):
        n, s, t = shape.num_clips, shape.seconds, shape.num_tokens
        return n * (5 + 3 * s + 2 * s * s + 7 * t + s * t + t * t) + 11 * shape.num_targets

    # Half of the clips have a token less than the longest.
    counted = [BatchShape(n, s, t, n * t - n // 2) for n, s, t in SHAPES]
    formula = CostFormula(counted, [cost(flops(shape)) for shape in counted])
    other = BatchShape(16, 8.0, 30, 400)
    assert formula(other).flops == pytest.approx(flops(other))
    assert formula.total([other, other]).flops == pytest.approx(2 * flops(other))


def test_batches_that_differ_most_are_counted():
    shapes = [BatchShape(4, 1.0, 5, 20), BatchShape(4, 1.1, 5, 20), BatchShape(1, 9.0, 5, 5),
              BatchShape(4, 1.0, 50, 200)]  # fmt: skip
    assert apart(shapes, 3) == [2, 3, 1]
    assert apart(shapes[:1] * 3, 3) == [0]  # no two sizes


@pytest.mark.parametrize("family", [WHISPER, QWEN3_ASR], ids=lambda one: one.family)
def test_a_model_of_few_layers_costs_what_the_whole_one_costs_once_it_has_all(bases, family):
    """The tiny models have two layers a stack; one of them is cut off."""
    role = family_module(family.family, "base")
    path = ROOT / "conf/models.yaml"
    block = load_block(path, (family.family, family.name), role.Block)
    folder = Folder(kind="folder", path=str(bases[family.family]))
    own = load_family_params(
        family.family, "train", family_module(family.family, "training").OwnParams,
        ROOT / "params.yaml",
    ).model_copy(update=family.own)  # fmt: skip
    whole = sized(family, bases[family.family])
    with sized_model(family.family, block.model_copy(update={"weights": folder})) as model:
        assert model.layers == {1: 2}
        few = open_sized(model, family.family, family.params("full"), own, [])
    found = []
    for one in (whole, few):
        batch, _ = batch_of(one.trainee, 2, 1.0, "бор два", family.language)
        found.append(count(one, batch, "fp32", accumulated=True))
    assert found[0] == found[1]
    sizes = [[w.shape for w in one.trainee.network.parameters()] for one in (whole, few)]
    assert sizes[0] == sizes[1]


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """An empty cache of the hub, which can't be reached."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


HUB = Hub(kind="hub", repo="me/tiny", revision="c0ffee" * 6 + "c0de")


def test_of_a_model_on_the_hub_configs_and_tokenizer_are_enough(bases, hub_cache):
    snapshot = hub_cache / "models--me--tiny" / "snapshots" / HUB.revision
    snapshot.mkdir(parents=True)
    for path in bases["whisper"].glob("*.json"):
        shutil.copy(path, snapshot)
    own = load_family_params("whisper", "train", OwnParams, ROOT / "params.yaml")
    with sized_model("whisper", Block(weights=HUB)) as model:
        one = open_sized(model, "whisper", WHISPER.params("full"), own, [])
    whole = WHISPER.trainee(bases["whisper"])
    sizes = [{n: w.shape for n, w in t.network.named_parameters()} for t in (one.trainee, whole)]
    assert sizes[0] == sizes[1]


def test_configs_that_the_hub_can_not_send_are_named(hub_cache):
    expected = f"can't download the configs of me/tiny at {HUB.revision} from the hub"
    with pytest.raises(InputError, match=expected), sized_model("whisper", Block(weights=HUB)):
        pass
