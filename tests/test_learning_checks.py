# python -m pytest tests/test_learning_checks.py
"""What every family's training has to pass, on its smallest model; one table for all."""

import math
import shutil
import subprocess
import sys
from itertools import chain, permutations

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.training.groups import groups_of
from asr.training.loop import train
from asr.training.params import PhaseParams
from asr.training.plan import plan_steps
from asr.training.update import Updater, trainable
from tests.tiny_families import ALONE, CLIPS, FAMILIES, ROOT, TEXTS, context_s, task, utterances
from tests.train_family import train_family

pytestmark = pytest.mark.integration
TUNINGS = [(family, tune) for family in FAMILIES for tune in family.frozen]
ADAPTED = [family for family in FAMILIES if "lora" in family.frozen]


class KilledError(Exception):
    pass


def named(value):
    return value if isinstance(value, str) else value.family


each_family = pytest.mark.parametrize("family", FAMILIES, ids=named)
each_tuning = pytest.mark.parametrize(("family", "tune"), TUNINGS, ids=named)
with_adapter = pytest.mark.parametrize("family", ADAPTED, ids=named)


@pytest.fixture
def base(family, made_once):
    return (
        made_once(f"tiny-{family.family}", lambda folder: family.write_base(folder / "base"))
        / "base"
    )


def batch(family, trainee, clips=range(4)):
    """Some of the four clips, with the context of the longest of all."""
    them = utterances(family.language)
    return trainee.batch([CLIPS[i] for i in clips], [them[i] for i in clips],
                         context_s(trainee), list(clips), zeros=False)  # fmt: skip


def fit(family, trainee, num_steps, clips=range(4)):
    """The loss per token before each of some steps on one batch."""
    weights = trainable(trainee.network)
    optimizer = torch.optim.AdamW(weights.values(), lr=family.lr, weight_decay=0.0)
    same = batch(family, trainee, clips)
    losses = []
    for _ in range(num_steps):
        loss = trainee.summed_loss(same) / same.num_targets
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def transcribed(family, reader, seconds):
    them = utterances(family.language)
    return reader.transcribe(CLIPS, them, seconds, [30] * 4)


def gradients(family, trainee, clips=range(4)):
    """Gradients of the loss summed over a batch, by weight."""
    trainee.network.zero_grad()
    trainee.summed_loss(batch(family, trainee, clips)).backward()
    return {n: w.grad.clone() for n, w in trainable(trainee.network).items() if w.grad is not None}


@each_family
def test_it_overfits_one_batch_to_exact_texts_and_writes_them_after_save_and_load(
    family, base, tmp_path
):
    torch.manual_seed(1)
    trainee = family.trainee(base)
    losses = fit(family, trainee, family.num_steps)
    trainee.network.eval()
    hypotheses = transcribed(family, trainee, context_s(trainee))
    assert [one.text for one in hypotheses] == TEXTS, f"loss {losses[0]:.2f} to {losses[-1]:.3f}"
    seconds = context_s(trainee)
    trainee.save(tmp_path)
    again = transcribed(family, family.engine(tmp_path), seconds)
    assert [one.text for one in again] == TEXTS


@pytest.mark.parametrize(("family", "other"), list(permutations(FAMILIES, 2)), ids=named)
def test_the_folder_of_another_family_is_refused(family, other, base):
    for opened in (other.trainee, other.engine):
        with pytest.raises(InputError, match=f"{base}.*: expected "):
            opened(base)


@each_family
def test_a_folder_without_one_of_its_weights_is_refused_and_names_it(family, base, tmp_path):
    part = shutil.copytree(base, tmp_path / "part")
    path = min(part.rglob("model.safetensors"))
    tensors = load_file(path)
    lost = min(tensors)
    save_file({name: tensor for name, tensor in tensors.items() if name != lost}, path)
    with pytest.raises(InputError, match=rf"expected every parameter once, got .*{lost}"):
        family.trainee(part)


@each_tuning
def test_what_is_frozen_stays_and_a_gradient_reaches_all_that_learns(family, tune, base):
    torch.manual_seed(1)
    trainee = family.trainee(base, tune)
    weights = dict(trainee.network.named_parameters())
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    fit(family, trainee, 2)  # B of LoRA begins at zero: A has a gradient from the second step on
    learning = trainable(trainee.network)
    found = groups_of(learning, trainee.weight_groups)
    assert sorted(set(found.values())) == sorted(family.groups(tune))
    assert not [name for name in learning if name.startswith(family.frozen[tune] or ("-",))]
    assert not [n for n in weights if n not in learning and not torch.equal(weights[n], before[n])]
    grads = gradients(family, trainee)
    assert sorted(learning) == sorted(grads)
    assert not [name for name, grad in grads.items() if not grad.any()]
    assert not [name for name in learning if torch.equal(weights[name], before[name])]


@with_adapter
def test_a_merged_adapter_says_the_same(family, base, tmp_path):
    torch.manual_seed(1)
    trainee = family.trainee(base, "lora")
    fit(family, trainee, 5)
    trainee.network.eval()
    with torch.no_grad():
        before = trainee.summed_loss(batch(family, trainee)).item()
        trainee.save(tmp_path)
        again = family.trainee(tmp_path)
        again.network.eval()
        after = again.summed_loss(batch(family, again)).item()
    assert after == pytest.approx(before, rel=1e-5)
    assert not [name for name, _ in again.network.named_parameters() if "lora" in name]


@each_family
def test_padding_order_and_division_of_a_batch_change_no_loss_and_no_gradient(family, base):
    trainee = family.trainee(base)
    trainee.network.eval()
    whole = gradients(family, trainee)
    with torch.no_grad():
        loss = trainee.summed_loss(batch(family, trainee)).item()
        reverse = trainee.summed_loss(batch(family, trainee, (3, 2, 1, 0))).item()
        alone = sum(trainee.summed_loss(batch(family, trainee, (i,))).item() for i in range(4))
    assert reverse == pytest.approx(loss, rel=1e-5)
    assert alone == pytest.approx(loss, rel=1e-5)
    parts = [gradients(family, trainee, clips) for clips in ((0, 1, 2), (3,))]
    for name, gradient in whole.items():
        torch.testing.assert_close(
            sum(part[name] for part in parts), gradient, rtol=1e-3, atol=1e-5, msg=name
        )


# An adapter's inputs may need no gradient, and a layer is then easily left out; a frozen tower is.
@pytest.mark.parametrize(
    ("family", "tune"), [pair for pair in TUNINGS if pair[1] in ("full", "lora")], ids=named
)
def test_gradient_checkpointing_computes_what_learns_twice_and_changes_no_gradient(
    family, tune, base
):
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(1)  # a new adapter's weights, and its dropout
        trainee = family.trainee(base, tune, gradient_checkpointing=checkpointing)
        calls = [0] * len(trainee.layers)
        for index, layer in enumerate(trainee.layers):
            leaf = next(module for module in layer.modules() if not list(module.children()))

            def count(*_, calls=calls, index=index):
                calls[index] += 1

            leaf.register_forward_hook(count)
        found.append((gradients(family, trainee), calls))
    (once, single), (again, twice) = found
    learn = [any(w.requires_grad for w in layer.parameters()) for layer in trainee.layers]
    assert any(learn)
    assert twice == [calls * (1 + learns) for calls, learns in zip(single, learn, strict=True)]
    for name, gradient in once.items():
        torch.testing.assert_close(again[name], gradient, msg=name)


@pytest.fixture
def any_precision():
    """accelerate holds a process to the precision of its first run."""
    AcceleratorState._reset_state()
    yield
    AcceleratorState._reset_state()


@each_family
def test_bf16_makes_a_step_of_nearly_the_same_loss(family, base, tmp_path, any_precision):
    losses = []
    for precision in ("fp32", "bf16"):
        AcceleratorState._reset_state()
        trainee = family.trainee(base)
        made = task(family, trainee)
        params = family.params(precision=precision)
        steps = plan_steps(made.durations_s, made.groups, made.token_limit, made.seconds, None,
                           params, seed=1)  # fmt: skip
        row = Updater(made, params, ALONE, tmp_path / "limits.json").step(
            steps[0][1], dict.fromkeys(trainee.weight_groups, family.lr)
        )
        losses.append(row["loss"])
        assert math.isfinite(row["grad_norm"])
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert losses[1] != losses[0], "expected another precision to round in another way"


def in_two_phases(family):
    """One group learns, from step 3 on all the others instead."""
    first, *others = family.groups("full")
    rates = {others[0]: family.lr / 3}
    return {
        "phases": [
            PhaseParams(from_step=0, groups=[first]),
            PhaseParams(from_step=3, groups=others, lr=rates, warmup_steps=2),
        ],
        "weight_decay": 0.1,
        "average_decay": 0.5,
        "gradient_checkpointing": True,
    }


@each_family
@pytest.mark.parametrize("num_phases", [1, 2])
def test_killed_and_resumed_it_ends_in_the_same_bits(family, base, tmp_path, num_phases):
    more = in_two_phases(family) if num_phases == 2 else {}
    params = family.params(
        "lora" if family in ADAPTED and num_phases == 1 else "full",
        num_epochs=4, eval_every_steps=2, save_every_steps=1, log_every_steps=1, step_clips=2,
        **more,
    )  # fmt: skip

    def trained(folder, dies_after=math.inf):
        torch.manual_seed(1)  # a new adapter's weights; a checkpoint replaces them
        checkpointing = params.gradient_checkpointing
        trainee = family.trainee(base, params.tune, gradient_checkpointing=checkpointing)
        made = task(family, trainee)

        def watch(progress, saved):
            if progress.step == dies_after:
                raise KilledError

        folder.mkdir(exist_ok=True)
        progress = train(made, params, 1, ALONE, folder, watch)
        return progress, dict(made.network.named_parameters())

    expected, weights = trained(tmp_path / "whole")
    for step in (3, 5)[:num_phases]:  # where the second phase starts, and within it
        with pytest.raises(KilledError):
            trained(tmp_path / "killed", dies_after=step)
    progress, resumed = trained(tmp_path / "killed")
    assert progress == expected
    assert (progress.step, len(progress.phase_rows)) == (8, 2 if num_phases == 2 else 0)
    assert not [name for name in weights if not torch.equal(resumed[name], weights[name])]


@pytest.fixture
def deterministic():
    """As in a process of its own; afterwards this one computes as before."""
    before, num_threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(before)
    torch.set_num_threads(num_threads)


# tests/test_processes.py has Whisper in two processes, with other events.
@pytest.mark.parametrize("family", FAMILIES[1:], ids=named)
def test_two_processes_learn_what_one_does(family, base, tmp_path, deterministic):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    train_family(family.family, base, one, 1)
    command = [sys.executable, "-m", "tests.train_family", "--family", family.family]
    command += ["--base", base, "--folder", two, "--num-processes", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    curves = (chain(*read_json(folder / "rows.json")) for folder in (one, two))
    for ours, theirs in zip(*curves, strict=True):
        assert theirs == pytest.approx(ours, rel=1e-3)
    weights = load_file(two / "weights.safetensors")
    for name, weight in load_file(one / "weights.safetensors").items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-3, atol=1e-3, msg=name)
    # The first checkpoint has moments of the first phase's weights alone.
    saved = [load_file(f / "step-00000001" / "state.safetensors").keys() for f in (one, two)]
    assert saved[0] == saved[1]
    assert 0 < sum(name.startswith("exp_avg/") for name in saved[0]) < len(weights)
