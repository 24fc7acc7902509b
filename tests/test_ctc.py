# python -m pytest tests/test_ctc.py
"""The family ctc on tiny random encoders; tests/test_learning_checks.py has how it learns."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams as SharedDecodeParams
from asr.decoding.transcribe import unknown_letters
from asr.devices.params import MachineParams
from asr.families.ctc.decoding import OwnParams as DecodeParams
from asr.families.ctc.decoding import computed_seconds, open_engine
from asr.families.ctc.model.log_probs import log_probs
from asr.families.ctc.model.model import load
from asr.families.ctc.tokens import open_tokens
from asr.families.ctc.training import OwnParams, faults
from asr.families.ctc.training.trainee import draw_masks
from asr.families.ctc.window import computed_s
from asr.splits.split import SplitResult, set_too_long_aside
from asr.training.groups import groups_of
from asr.training.params import SpecAugmentParams
from asr.training.update import trainable
from asr.utterances.waveform import SAMPLE_RATE
from tests.examples import tone, utterance
from tests.test_learning_checks import fit, transcribed
from tests.tiny_families import CLIPS, CPU, CTC, ROOT, TEXTS, context_s, utterances

pytestmark = pytest.mark.integration  # they import torch and transformers

KINDS = ("tiny", "tiny_wav2vec2", "tiny_hubert", "tiny_w2v_bert", "tiny_parakeet")
OF_TRANSFORMERS = KINDS[1:]
THEM = utterances("be")
MASKS = SpecAugmentParams(num_time_masks=2, max_time_share=0.5, num_mel_masks=2, max_mel_bins=20)


@pytest.fixture
def family(kind):
    return dataclasses.replace(CTC, name=kind)


@pytest.fixture
def base(family, made_once):
    made = made_once(f"tiny-ctc-{family.name}", lambda new: family.write_base(new / "base"))
    return made / "base"


@pytest.fixture(scope="module")
def whisper_base(made_once):
    return made_once("tiny-ctc-tiny", lambda new: CTC.write_base(new / "base")) / "base"


each_kind = pytest.mark.parametrize("kind", KINDS)
each_of_transformers = pytest.mark.parametrize("kind", OF_TRANSFORMERS)


# The Whisper encoder is among the families of tests/test_learning_checks.py.
@each_of_transformers
def test_each_kind_overfits_to_exact_texts_and_other_tools_load_what_it_saves(
    family, base, tmp_path
):
    torch.manual_seed(1)
    trainee = family.trainee(base)
    losses = fit(family, trainee, family.num_steps)
    trainee.network.eval()
    found = transcribed(family, trainee, context_s(trainee))
    assert [one.text for one in found] == TEXTS, f"loss {losses[0]:.2f} to {losses[-1]:.3f}"
    trainee.save(tmp_path)
    model, tokenizer = (
        kind.from_pretrained(tmp_path, local_files_only=True)
        for kind in (AutoModelForCTC, AutoTokenizer)
    )
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path, local_files_only=True)
    theirs = []
    for clip in CLIPS:
        with torch.no_grad():
            logits = model(**extractor(clip, sampling_rate=SAMPLE_RATE, return_tensors="pt")).logits
        theirs.append(tokenizer.decode(logits[0].argmax(-1).tolist()))
    assert theirs == TEXTS


@each_of_transformers
def test_a_clips_log_probs_are_those_of_transformers_for_it_alone(family, base):
    ours = log_probs(load(base, CPU), CLIPS)
    model = AutoModelForCTC.from_pretrained(base, local_files_only=True).eval()
    extractor = AutoFeatureExtractor.from_pretrained(base, local_files_only=True)
    for clip, scores in zip(CLIPS, ours, strict=True):
        with torch.no_grad():
            inputs = extractor(clip, sampling_rate=SAMPLE_RATE, return_tensors="pt")
            theirs = model(**inputs).logits[0].log_softmax(-1).numpy()
        np.testing.assert_allclose(scores, theirs[: len(scores)], rtol=1e-4, atol=1e-4)


@each_kind
def test_a_clip_gives_the_same_alone_and_in_a_batch(family, base):
    rng = np.random.default_rng(1)
    clips = [rng.normal(0, 0.1, n).astype(np.float32) for n in (5_000, 16_001, 9_999)]
    model = load(base, CPU)
    for together, clip in zip(log_probs(model, clips), clips, strict=True):
        alone = log_probs(model, [clip])[0]
        assert together.shape == alone.shape
        np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)


@each_kind
def test_frames_are_counted_as_the_network_makes_them(family, base):
    model = load(base, CPU)
    for num_samples in (4_800, 5_119, 5_120, 8_000, 12_345, 16_000):
        clip = np.random.default_rng(1).normal(0, 0.1, num_samples).astype(np.float32)
        counted = model.description.num_frames(num_samples)
        if family.name == "tiny":  # its margin of 0.1 s has frames too
            assert counted == num_samples // 320
        else:
            assert counted == len(log_probs(model, [clip])[0])


@each_kind
def test_an_adapter_and_the_head_learn_and_merge(family, base, tmp_path):
    torch.manual_seed(1)
    trainee = family.trainee(base, "lora")
    head = f"network.{trainee.model.head_name}."
    learning = trainable(trainee.network)
    assert {name for name in learning if "lora_" not in name} == {head + "weight", head + "bias"}
    adapted = {name.split(".lora_")[0] for name in learning if "lora_" in name}
    assert len(adapted) >= 6 * 2  # attention and feed-forward of two layers
    fit(family, trainee, 3)
    trainee.network.eval()
    before = log_probs(trainee.model, CLIPS)
    trainee.save(tmp_path)
    for ours, merged in zip(before, log_probs(load(tmp_path, CPU), CLIPS), strict=True):
        np.testing.assert_allclose(merged, ours, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["tiny_wav2vec2", "tiny_hubert"])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_convolutions_on_samples_learn_only_if_wanted(family, base, frozen):
    trainee = family.trainee(base, own={"freeze_feature_encoder": frozen})
    learning = [n for n in trainable(trainee.network) if ".feature_extractor." in n]
    assert bool(learning) is not frozen
    fit(family, trainee, 1)


@each_kind
def test_groups_of_weights_are_the_head_and_two_halves_of_the_encoder(family, base):
    trainee = family.trainee(base)
    found = groups_of(trainable(trainee.network), trainee.weight_groups)
    assert set(found.values()) == {"head", "encoder.lower", "encoder.upper"}
    by_layer = {name.split("layers.")[1][0]: g for name, g in found.items() if "r.layers." in name}
    assert by_layer == {"0": "encoder.lower", "1": "encoder.upper"}


@pytest.mark.parametrize("kind", ["tiny_parakeet"])
def test_the_statistics_of_batch_norms_stay(family, base):
    trainee = family.trainee(base)
    before = {name: value.clone() for name, value in trainee.network.named_buffers()}
    fit(family, trainee, 2)
    assert any("running_mean" in name for name in before)
    for name, value in trainee.network.named_buffers():
        assert torch.equal(value, before[name]), name


def test_masks_are_drawn_by_seed_and_cover_what_params_say():
    masks = [draw_masks(40, MASKS, seed) for seed in range(200)]
    again = draw_masks(40, MASKS, 7)
    assert torch.equal(masks[7].frames, again.frames)
    assert torch.equal(masks[7].bands, again.bands)
    assert max(int(one.frames.sum()) for one in masks) > 20  # two of at most 20
    assert 0.2 < torch.stack([one.frames for one in masks]).float().mean() < 0.6
    assert 20 < max(int(one.bands.sum()) for one in masks) <= 40
    none = MASKS.model_copy(update={"num_time_masks": 0, "num_mel_masks": 0})
    assert not draw_masks(40, none, 1).frames.any()
    assert not draw_masks(40, none, 1).bands.any()


@each_kind
def test_train_spec_augment_is_the_only_one(family, base):
    plain, masked = family.trainee(base), family.trainee(base, spec_augment=MASKS)
    seconds = context_s(plain)

    def scores(trainee, seeds):
        trainee.network.train()
        batch = trainee.batch(CLIPS, THEM, seconds, seeds, zeros=False)
        with torch.no_grad():
            return trainee.model(batch.inputs)

    assert torch.equal(scores(plain, [1, 2, 3, 4]), scores(plain, None))
    assert torch.equal(scores(masked, [1, 2, 3, 4]), scores(masked, [1, 2, 3, 4]))
    assert not torch.equal(scores(masked, [1, 2, 3, 4]), scores(masked, [5, 6, 7, 8]))
    assert torch.equal(scores(masked, None), scores(plain, None))


def test_a_label_too_long_for_its_frames_is_set_aside_by_split(whisper_base):
    tokens = open_tokens(whisper_base)
    fits = utterance("a", text="абв", duration_s=0.06)  # 3 frames
    repeated = utterance("b", text="абб", duration_s=0.06)  # a blank between two equal letters
    longer = utterance("c", text="аб в", duration_s=0.06)
    result = set_too_long_aside(SplitResult({"train": [fits, repeated, longer]}, []), tokens)
    assert result.splits["train"] == [fits]
    assert {one.reason for one in result.aside} == {"too_many_tokens"}


def test_labels_that_get_too_long_in_training_teach_nothing_and_are_counted(whisper_base, capsys):
    trainee = CTC.trainee(whisper_base)
    trainee.make_vocabulary([*THEM, utterance("long", text="лес" * 9, duration_s=0.4)], THEM)
    assert "1 of 5 transcripts of train have more labels" in capsys.readouterr().out
    trainee.network.eval()
    clips, too_long = CLIPS[:2], [THEM[0], utterance("b", text="лес" * 30)]
    batch = trainee.batch(clips, too_long, 2.0, None, zeros=False)
    assert batch.num_targets == 3  # of «лес» alone
    alone = trainee.batch(clips[:1], too_long[:1], 2.0, None, zeros=False)
    with torch.no_grad():
        both, one = (trainee.summed_loss(part).item() for part in (batch, alone))
    assert both == pytest.approx(one, rel=1e-5)


def test_an_empty_transcript_has_a_finite_loss(whisper_base):
    trainee = CTC.trainee(whisper_base)
    nothing = utterance("a", text=" ")
    batch = trainee.batch(CLIPS[:1], [nothing], 2.0, None, zeros=False)
    assert batch.num_targets == 1
    assert trainee.summed_loss(batch).isfinite()


def test_the_loss_is_float32_under_bf16(whisper_base):
    trainee = CTC.trainee(whisper_base)
    batch = trainee.batch(CLIPS, THEM, 2.0, None, zeros=False)
    with torch.autocast("cpu", torch.bfloat16):
        loss = trainee.summed_loss(batch)
    assert loss.dtype == torch.float32


def test_the_vocabulary_has_letters_of_train_alone_and_says_what_dev_and_train_lack(
    whisper_base, capsys
):
    trainee = CTC.trainee(whisper_base, own={"min_count": 2})
    capsys.readouterr()
    train = [utterance("a", text="Мама, мама! Ёж")]
    trainee.make_vocabulary(train, [utterance("b", text="мама ў ёж ў")])
    assert trainee.model.vocabulary.tokens == ("<pad>", "<unk>", "|", "а", "м")
    said = capsys.readouterr().out
    assert "4 characters of train come fewer than 2 times" in said
    assert "«!» 1, «,» 1, «ж» 1, «ё» 1" in said
    assert "dev has 4 characters that can't be written, 1 of 3 are not in train at all" in said
    assert "«ў» 2" in said


def test_capitals_are_kept_where_params_say(whisper_base):
    trainee = CTC.trainee(whisper_base, own={"case": "keep"})
    trainee.make_vocabulary([utterance("a", text="Ёж ёж")], [])
    assert set(trainee.model.vocabulary.tokens) >= set("Ёёж")


def test_a_model_that_is_tuned_again_keeps_the_rows_of_letters_that_it_knows(
    whisper_base, tmp_path
):
    trainee = CTC.trainee(whisper_base)
    fit(CTC, trainee, 2)
    trainee.save(tmp_path)
    old = load(tmp_path, CPU)
    again = CTC.trainee(tmp_path)
    again.make_vocabulary([utterance("a", text="лес Я поле")], [])
    assert again.model.vocabulary.tokens[3:] == ("е", "л", "о", "п", "с", "я")
    for token in "лес":
        ours = again.model.network.head.weight[again.model.vocabulary.ids[token]]
        assert torch.equal(ours, old.network.head.weight[old.vocabulary.ids[token]])


def engine(folder, **changes):
    own = load_family_params("ctc", "decode", DecodeParams, ROOT / "params.yaml")
    own = own.model_copy(update={k: v for k, v in changes.items() if k == "engine"})
    decode = load_params("decode", SharedDecodeParams, ROOT / "params.yaml")
    shared = {k: v for k, v in changes.items() if k != "engine"}
    decode = decode.model_copy(update={"num_beams": 1} | shared)
    machine = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
    return open_engine(folder, machine, decode, own)


@pytest.fixture(scope="module")
def tuned(whisper_base, tmp_path_factory):
    """A Whisper encoder that writes the four texts."""
    torch.manual_seed(1)
    trainee = CTC.trainee(whisper_base)
    fit(CTC, trainee, CTC.num_steps)
    trainee.network.eval()
    folder = tmp_path_factory.mktemp("tuned")
    trainee.save(folder)
    return folder


def test_both_engines_give_the_same_and_int8_the_same_texts(tuned):
    ours, theirs = (engine(tuned, engine=name) for name in ("auto", "torch"))
    assert type(ours).__name__ == "Ctranslate2Engine"
    for a, b in zip(ours.log_probs(CLIPS), theirs.log_probs(CLIPS), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
    for precision in ("float32", "int8"):
        found = engine(tuned, precision=precision).transcribe(CLIPS, THEM, 2.0, [1] * 4)
        assert [one.text for one in found] == TEXTS
        assert [one.num_tokens for one in found] == [len(text) for text in TEXTS]
        assert not any(one.runaway for one in found)
    alone = [ours.log_probs([clip])[0] for clip in CLIPS]
    for a, b in zip(ours.log_probs(CLIPS), alone, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["ctranslate2", "torch"])
def test_each_engine_lists_the_likeliest_texts_of_clips(tuned, name):
    search = engine(tuned, engine=name, num_beams=3)
    assert [one.text for one in search.transcribe(CLIPS, THEM, 2.0, [9] * 4)] == TEXTS
    lists = search.candidates(CLIPS, THEM, 2.0, [9] * 4, 6)
    assert [found[0].text for found in lists] == TEXTS
    assert 1 < max(map(len, lists)) <= 6
    for found in lists:
        scores = [one.mean_log_prob for one in found]
        assert scores == sorted(scores, reverse=True)
        assert len({one.text for one in found}) == len(found)


def test_letters_of_the_test_set_that_train_lacks_are_said_and_counted(tuned, capsys):
    test = [utterance(str(i), text=text) for i, text in enumerate(("Жук", "жаба", "Лес", "!"))]
    assert unknown_letters(test, open_tokens(tuned), tuned) == {"num_unknown_letters": 3}
    said = capsys.readouterr().out
    assert "lacks 3 letters of the test set, which come 3 times: «Ж» 1, «ж» 1, «у» 1" in said
    assert unknown_letters(THEM, open_tokens(tuned), tuned) == {"num_unknown_letters": 0}
    assert capsys.readouterr().out == ""


def test_a_model_that_never_learned_letters_writes_nothing(whisper_base):
    for num_beams in (1, 3):
        found = engine(whisper_base, num_beams=num_beams).transcribe(CLIPS, THEM, 2.0, [9] * 4)
        assert [one.text for one in found] == [""] * 4


@pytest.mark.parametrize("kind", ["tiny_wav2vec2"])
def test_an_engine_that_can_not_compute_the_encoder_is_refused(family, base):
    with pytest.raises(InputError, match="engine: expected auto or torch with wav2vec2 on cpu"):
        engine(base, engine="ctranslate2")
    with pytest.raises(InputError, match="precision: expected one of float32"):
        engine(base, precision="int8")


def test_seconds_have_the_margin_of_whispers_encoder(whisper_base):
    own = load_family_params("ctc", "decode", DecodeParams, ROOT / "params.yaml")
    assert computed_seconds(whisper_base, own).first(1.0) == 1.2
    assert computed_seconds(whisper_base, own).again is None
    assert [computed_s(s, 0.5) for s in (0.1, 0.5, 0.51, 29.9)] == [0.6, 1.0, 1.2, 30.0]
    assert computed_s(1.234, None) == 1.234


def test_a_projector_is_refused():
    own = load_family_params("ctc", "train", OwnParams, ROOT / "params.yaml")
    said = faults(CTC.params("projector"), own)
    assert said == [
        "train.tune: expected full, frozen_encoder (only the head learns) or lora with ctc, which "
        "has no projector, got projector"
    ]


def test_blanks_alone_are_noticed_with_what_helps(whisper_base, capsys):
    trainee = CTC.trainee(whisper_base)
    capsys.readouterr()
    head = trainee.model.network.head
    with torch.no_grad():
        head.bias[0] = 100.0
    transcribed(CTC, trainee, 2.0)
    assert trainee.dev_counts()["empty_share"] == (4, 4)
    said = capsys.readouterr().out
    assert "blank in 100.0% of dev's frames; 4 of 4 texts are empty" in said
    assert "a smaller train.lr, more train.warmup_steps" in said
    with torch.no_grad():
        head.bias[0] = -100.0
    transcribed(CTC, trainee, 2.0)
    counts = trainee.dev_counts()
    assert counts["empty_share"] == (0, 4)
    assert counts["blank_share"][0] == 0 < counts["blank_share"][1]
    assert "only blanks" not in capsys.readouterr().out
    assert trainee.dev_counts()["empty_share"] == (0, 0)  # counted anew for each evaluation


def test_a_short_clip_has_frames_enough(whisper_base):
    model = load(whisper_base, CPU)
    assert len(log_probs(model, [tone(0.01)])[0]) > 0


def test_the_table_in_the_docs_is_that_of_the_committed_results():
    root = Path(__file__).parents[1]
    found = read_json(root / "benchmarks/results/ctc.json")
    page = (root / "docs/training.md").read_text(encoding="utf-8")
    for name, rates in found["runs"].items():
        wers = [f"{rates[group]['wer']:.3f}" for group in ("be", "bg", "overall")]
        assert f"| CTC, {name} | {' | '.join(wers)} | {rates['overall']['cer']:.3f} |" in page
