"""Our Whisper against transformers' own, on a tiny random model whose full window is 1 s."""

import re
import shutil
import string
from pathlib import Path

import numpy as np
import pytest
import torch

from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.whisper.decoding import open_engine
from asr.families.whisper.decoding.ctranslate2_engine import Ctranslate2Engine
from asr.families.whisper.decoding.params import WhisperDecodeParams
from asr.families.whisper.decoding.torch_engine import TorchEngine
from asr.families.whisper.model.decoder import transcribe_batch
from asr.families.whisper.model.model import encode, load, save
from asr.families.whisper.tokens import prompt_tokens, text_tokens
from asr.families.whisper.training.example_tokens import Regularization
from asr.families.whisper.training.loss import IGNORED, SummedLoss, loss_batch
from asr.families.whisper.training.params import WhisperTrainParams
from asr.families.whisper.training.subwords import SubwordDropout
from asr.families.whisper.training.tuning import make_trainable
from asr.training.adapter import merge_adapter
from asr.training.params import TrainParams
from tests import examples
from tests.tiny_whisper import write_transformers

ROOT = Path(__file__).parent.parent
START, BELARUSIAN, TRANSCRIBE, NO_TIMESTAMPS, END = 50258, 50330, 50359, 50363, 50257
MACHINE = MachineParams(device="cpu", num_threads=2, num_processes=1, shard_weights=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_transformers(folder)
    return folder


@pytest.fixture
def whisper(folder):
    return load(folder, torch.device("cpu"))


def utterance(text="як", language="be", name="a"):
    return examples.utterance(name, text=text, duration_s=0.5, language=language)


def changes(**shares):
    """Random changes, of which only those in ``shares`` and the masks happen."""
    none = {"token_dropout": 0.0, "subword_dropout": 0.0, "timestamps": 0.0, "previous_text": 0.0}
    return Regularization(params().spec_augment, **none | shares)


def noise(seconds, seed):
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * 16_000))
    return samples.astype("float32")


def test_prompt_has_one_start_token_language_task_and_no_timestamps(whisper):
    generation = whisper.network.generation_config
    assert prompt_tokens(generation, "be") == [START, BELARUSIAN, TRANSCRIBE, NO_TIMESTAMPS]


def test_unknown_language_is_refused_with_the_known_ones(whisper):
    with pytest.raises(InputError, match=r"language: expected one of Whisper's af .*, got 'xx'"):
        prompt_tokens(whisper.network.generation_config, "xx")


def test_english_only_model_has_no_language_token(tmp_path):
    write_transformers(tmp_path / "en", multilingual=False)
    generation = load(tmp_path / "en", torch.device("cpu")).network.generation_config
    assert prompt_tokens(generation, "en") == [50257, 50362]
    with pytest.raises(
        InputError, match="language: expected 'en' with an English-only Whisper, got 'be'"
    ):
        prompt_tokens(generation, "be")


def test_targets_are_the_text_and_the_end_token_alone(whisper):
    text = text_tokens(whisper.tokenizer, "як")
    batch = loss_batch(whisper, [noise(0.5, 1), noise(0.4, 2)], [utterance("як"), utterance("я")],
                       context_s=0.64)  # fmt: skip
    assert batch.inputs[0].tolist() == [START, BELARUSIAN, TRANSCRIBE, NO_TIMESTAMPS, *text]
    assert batch.targets[0].tolist() == [IGNORED] * 3 + [*text, END]
    assert batch.targets[1].tolist()[-2:] == [IGNORED] * 2  # the shorter text is padded
    assert batch.num_targets == len(text) + 1 + len(text) - 2 + 1
    assert batch.log_mel.shape == (2, 20, 64)


def test_zeros_follow_the_clip_where_they_are_asked_for(whisper):
    clips, utterances = [noise(0.5, 1), noise(0.4, 2)], [utterance("як"), utterance("я")]
    silence = loss_batch(whisper, clips, utterances, 0.64).log_mel
    zeros = loss_batch(whisper, clips, utterances, 0.64, zeros=True).log_mel
    torch.testing.assert_close(zeros[0, :, :51], silence[0, :, :51])
    assert zeros[0, :, 51:].abs().sum() == zeros[1, :, 41:].abs().sum() == 0
    assert silence[0, :, 53:].max() < 0


def test_hidden_tokens_are_hidden_from_what_is_read_alone(whisper):
    hiding = changes(token_dropout=0.5)
    clips, utterances = [noise(0.5, 1), noise(0.4, 2)], [utterance("якія"), utterance("як")]
    plain = loss_batch(whisper, clips, utterances, 0.64)
    hidden = loss_batch(whisper, clips, utterances, 0.64, hiding, seeds=[1, 2])
    assert torch.equal(hidden.targets, plain.targets)
    assert torch.equal(hidden.inputs[:, :4], plain.inputs[:, :4])  # the prompt stays
    changed = hidden.inputs != plain.inputs
    assert changed.any()
    assert set(hidden.inputs[changed].tolist()) == {END}
    alone = loss_batch(whisper, clips[:1], utterances[:1], 0.64, hiding, seeds=[1])
    assert torch.equal(alone.inputs[0], hidden.inputs[0])
    torch.testing.assert_close(alone.log_mel[0], hidden.log_mel[0])


def test_subword_dropout_never_makes_a_transcript_too_long(tmp_path):
    write_transformers(tmp_path / "tiny")
    tiny = load(tmp_path / "tiny", torch.device("cpu"))
    tokenizer = tiny.tokenizer
    whole = text_tokens(tokenizer, "abcdefghi")  # with its space 10, and the prompt's 4: all 14
    cuttable = SubwordDropout(tokenizer)
    cuttable._splits = {token: [(token, token)] for token in whole}
    assert len(cuttable.apply(whole, 0.9, torch.Generator().manual_seed(1))) > len(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asr.families.whisper.training.example_tokens._subwords", lambda _: cuttable)
        hiding = changes(subword_dropout=0.9)
        batch = loss_batch(tiny, [noise(0.5, 1)], [utterance("abcdefghi")], 0.64, hiding, [1])
    assert batch.inputs[0].tolist()[4:] == whole


def test_transcript_longer_than_the_decoder_is_refused_by_name(whisper):
    with pytest.raises(InputError, match=r"xx/a: expected at most 14 tokens, .* got 45 for 'ааа"):
        loss_batch(whisper, [noise(0.5, 1)], [utterance("а" * 20)], 0.64)


def test_encoder_on_the_full_window_is_transformers_own(whisper):
    log_mel = torch.randn(2, 20, 100)
    with torch.no_grad():
        theirs = whisper.network.model.encoder(log_mel).last_hidden_state
        torch.testing.assert_close(encode(whisper, log_mel), theirs)
        assert encode(whisper, log_mel[..., :32]).shape == (2, 16, 8)


def test_loss_is_transformers_own(whisper):
    clips, utterances = [noise(0.5, 1), noise(0.4, 2)], [utterance("як"), utterance("я")]
    batch = loss_batch(whisper, clips, utterances, context_s=1.0)
    with torch.no_grad():
        ours = SummedLoss(whisper)(batch) / batch.num_targets
        theirs = whisper.network(
            input_features=batch.log_mel, decoder_input_ids=batch.inputs, labels=batch.targets
        ).loss
    torch.testing.assert_close(ours, theirs)


def test_greedy_is_transformers_own(whisper):
    clips = [noise(1.0, seed) for seed in range(4)]
    utterances = [utterance(name=str(seed)) for seed in range(4)]
    ours = transcribe_batch(whisper, clips, utterances, 1.0, [10] * 4, 1)
    features = loss_batch(whisper, clips, utterances, 1.0).log_mel
    theirs = whisper.network.generate(
        features, language="be", task="transcribe", num_beams=1, do_sample=False, max_new_tokens=10
    )
    decode = whisper.processor.tokenizer.batch_decode
    assert [h.text for h in ours] == [t.strip() for t in decode(theirs, skip_special_tokens=True)]


def engine(folder, name="torch", num_beams=1, **changes):
    params = load_params("decode", DecodeParams, ROOT / "params.yaml")
    shared = {"precision": "float32", **changes, "num_beams": num_beams}
    scripts = shared.pop("scripts", [])
    own = load_family_params("whisper", "decode", WhisperDecodeParams, ROOT / "params.yaml")
    own = own.model_copy(update={"engine": name, "scripts": scripts})
    return open_engine(folder, MACHINE, params.model_copy(update=shared), own)


@pytest.mark.parametrize("name", ["torch", "ctranslate2"])
@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_clip_is_heard_alike_alone_and_in_company(folder, name, num_beams):
    clips = [noise(0.5, seed) for seed in range(5)]
    utterances = [utterance(name=str(seed)) for seed in range(5)]
    budgets = [3, 9, 5, 9, 2]
    transcribe = engine(folder, name, num_beams).transcribe
    together = transcribe(clips, utterances, 0.64, budgets)
    for clip, one, budget, heard in zip(clips, utterances, budgets, together, strict=True):
        (alone,) = transcribe([clip], [one], 0.64, [budget])
        assert (alone.text, alone.num_tokens) == (heard.text, heard.num_tokens)
        if not heard.runaway:
            assert alone.mean_log_prob == pytest.approx(heard.mean_log_prob, abs=1e-4)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_both_engines_hear_the_same(tmp_path, num_beams):
    model = write_transformers(tmp_path / "tiny")
    with torch.no_grad():
        model.model.decoder.embed_tokens.weight[END] *= 3  # or it hardly ever ends
    model.save_pretrained(tmp_path / "tiny")
    clips = [noise(0.5, seed) for seed in range(20)]
    utterances = [utterance(name=str(seed)) for seed in range(20)]
    ours, theirs = (
        engine(tmp_path / "tiny", name, num_beams).transcribe(clips, utterances, 0.64, [10] * 20)
        for name in ("torch", "ctranslate2")
    )
    for one, other in zip(ours, theirs, strict=True):
        assert one.text == other.text
        assert (one.num_tokens, one.runaway) == (other.num_tokens, other.runaway)
        assert one.mean_log_prob == pytest.approx(other.mean_log_prob, abs=1e-3)
    assert {h.runaway for h in ours} == {True, False}  # or the comparison says little


@pytest.mark.parametrize("name", ["torch", "ctranslate2"])
def test_an_engines_candidates_begin_with_its_own_choice(folder, name):
    opened, clips = engine(folder, name, 4), [noise(0.5, seed) for seed in range(3)]
    batch = (clips, [utterance(name=str(seed)) for seed in range(3)], 0.64, [5] * 3)
    lists = opened.candidates(*batch, 4)
    assert [found[0] for found in lists] == opened.transcribe(*batch)
    assert max(len({one.text for one in found}) for found in lists) > 1


def test_as_many_positions_as_mel_bins_are_heard_as_one_more(folder):
    """CTranslate2 would take 20 positions, 0.4 s, for a log-mel: the model has 20 bins."""
    clips, utterances = [noise(0.4, seed) for seed in range(3)], [utterance()] * 3
    ours, theirs = (
        engine(folder, name).transcribe(clips, utterances, context_s, [10] * 3)
        for name, context_s in (("torch", 0.42), ("ctranslate2", 0.4))
    )
    assert [h.mean_log_prob for h in theirs] == pytest.approx(
        [h.mean_log_prob for h in ours], abs=1e-4
    )


@pytest.mark.integration
@pytest.mark.parametrize("num_beams", [1, 3])
def test_both_engines_write_the_scripts_that_they_may_and_no_other(folder, num_beams):
    clips = [noise(0.5, seed) for seed in range(10)]
    utterances = [utterance(name=str(seed)) for seed in range(10)]

    def written(name, *scripts):
        transcribe = engine(folder, name, num_beams, scripts=list(scripts)).transcribe
        texts = [heard.text for heard in transcribe(clips, utterances, 0.64, [10] * 10)]
        return [re.sub(r"<\|\w+\|>", "", text) for text in texts]

    assert "filler" in "".join(written("ctranslate2"))
    cyrillic = written("ctranslate2", "Cyrillic")
    assert any(cyrillic)
    assert not set("".join(cyrillic)) & set(string.ascii_letters)
    assert written("torch", "Cyrillic") == cyrillic
    assert written("torch", "Latin") == written("ctranslate2", "Latin")


@pytest.mark.parametrize("num_beams", [1, 3])
def test_token_budget_ends_a_runaway_and_says_so(folder, num_beams):
    torch_engine = engine(folder, num_beams=num_beams)
    end_bias = torch.zeros(torch_engine.whisper.network.config.vocab_size)
    end_bias[END] = -1e4
    torch_engine.whisper.network.proj_out.bias = torch.nn.Parameter(end_bias)
    (heard,) = torch_engine.transcribe([noise(0.5, 1)], [utterance()], 0.64, [4])
    assert (heard.num_tokens, heard.runaway) == (4, True)


def test_beams_find_what_is_at_least_as_likely(folder):
    clips = [noise(0.5, seed) for seed in range(6)]
    utterances = [utterance(name=str(seed)) for seed in range(6)]
    total = [
        sum(
            heard.mean_log_prob
            for heard in engine(folder, num_beams=num_beams).transcribe(
                clips, utterances, 0.64, [6] * 6
            )
        )
        for num_beams in (1, 8)
    ]
    assert total[1] >= total[0]


def test_the_engine_is_chosen_by_the_device_unless_it_is_named(folder, monkeypatch):
    assert isinstance(engine(folder, "auto"), Ctranslate2Engine)
    assert isinstance(engine(folder, "torch"), TorchEngine)
    monkeypatch.setattr("asr.families.whisper.decoding.engine.device_name", lambda _: "cuda")
    assert isinstance(engine(folder, "auto"), TorchEngine)


def test_ctranslate2_has_no_apple_gpu(folder):
    params = load_params("decode", DecodeParams, ROOT / "params.yaml")
    with pytest.raises(InputError, match=r"machine\.device: expected cpu or cuda .* got mps"):
        Ctranslate2Engine(folder, "mps", params, [], 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"precision": "float16"},
            r"decode.precision: expected one of .*float32.* on this cpu, got",
        ),
        (
            {"name": "torch", "precision": "int8"},
            "decode.precision: expected one of float32, .* got int8",
        ),
    ],
)
def test_engine_that_can_not_be_is_refused(folder, changes, message):
    with pytest.raises(InputError, match=message):
        engine(folder, **{"name": "ctranslate2", **changes})


def params(**changes):
    return load_params("train", TrainParams, ROOT / "params.yaml").model_copy(update=changes)


def own(**changes):
    path = ROOT / "params.yaml"
    params = load_family_params("whisper", "train", WhisperTrainParams, path)
    return params.model_copy(update=changes)


@pytest.mark.parametrize(
    ("tune", "learns", "stays"),
    [
        ("full", "model.encoder.layers.0.fc1.weight", "model.decoder.embed_tokens.weight"),
        ("frozen_encoder", "model.decoder.layers.0.fc1.weight", "model.encoder.conv1.weight"),
    ],
)
def test_what_learns(whisper, tune, learns, stays):
    make_trainable(whisper, params(tune=tune), own(freeze_embedding=True))
    weights = dict(whisper.network.named_parameters())
    assert weights[learns].requires_grad
    assert not weights[stays].requires_grad


def test_adapter_is_all_that_learns_and_ends_up_in_plain_weights(whisper, tmp_path):
    make_trainable(whisper, params(tune="lora"), own())
    learning = [n for n, w in whisper.network.named_parameters() if w.requires_grad]
    assert learning
    assert all("lora_" in name for name in learning)
    with torch.no_grad():
        for name in learning:
            whisper.network.get_parameter(name).normal_()
    batch = loss_batch(whisper, [noise(0.5, 1)], [utterance()], 0.64)
    whisper.network.eval()
    with torch.no_grad():
        adapted = SummedLoss(whisper)(batch)
        merge_adapter(whisper.network)
        save(whisper.network, whisper.processor, tmp_path)
        reloaded = load(tmp_path, torch.device("cpu"))
        torch.testing.assert_close(SummedLoss(reloaded)(batch), adapted)
    assert not any("lora" in name for name, _ in reloaded.network.named_parameters())


@pytest.mark.parametrize(
    ("name", "message"),
    [("torch", "expected config.json"), ("ctranslate2", "expected a Whisper model")],
)
def test_what_is_no_whisper_is_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        engine(tmp_path, name)


def test_weights_that_are_cut_off_are_refused(folder, tmp_path):
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"damaged: can't be converted to CTranslate2: .*rror"):
        engine(damaged, "ctranslate2")


def test_a_hypothesis_whose_probability_is_no_number_is_refused(whisper):
    with torch.no_grad():
        whisper.network.model.decoder.layers[0].fc1.weight[0, 0] = torch.nan
    with pytest.raises(InputError, match=r"xx/a: expected a finite log-probability .* got nan"):
        transcribe_batch(whisper, [noise(0.5, 1)], [utterance()], 0.64, [5], 1)
