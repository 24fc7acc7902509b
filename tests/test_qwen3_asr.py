# python -m pytest tests/test_qwen3_asr.py
"""Our Qwen3-ASR against transformers' own class and processor, on tiny random weights."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoProcessor, Qwen3ASRForConditionalGeneration

from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.qwen3_asr import decoding, tokens, training
from asr.families.qwen3_asr.base import language_fault
from asr.families.qwen3_asr.model.model import audio_embeddings, features, load
from asr.families.qwen3_asr.model.transcribe import transcribe_batch
from asr.families.qwen3_asr.model.windows import NAME, windows_of
from asr.families.qwen3_asr.tokens import END_OF_TEXT, END_OF_TURN, open_tokens
from asr.families.qwen3_asr.tokens.audio import num_audio_tokens, num_frames
from asr.families.qwen3_asr.tokens.languages import is_listed
from asr.families.qwen3_asr.training.loss import SummedLoss, loss_batch
from asr.families.qwen3_asr.window import computed_seconds
from asr.generation.causal_lm import IGNORED
from asr.training.params import TrainParams
from asr.utterances.language import language_name
from tests import examples
from tests.tiny_families import NO_MASKS, QWEN3_ASR, ROOT
from tests.tiny_whisper import write_transformers

CPU = torch.device("cpu")
MACHINE = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)


@pytest.fixture(scope="module")
def folder(made_once):
    return made_once("tiny-qwen3_asr", lambda at: QWEN3_ASR.write_base(at / "base")) / "base"


@pytest.fixture(scope="module")
def model(folder):
    return load(folder, CPU)


@pytest.fixture(scope="module")
def processor(folder):
    return AutoProcessor.from_pretrained(folder)


def noise(seconds, seed=1):
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * 16_000))
    return samples.astype("float32")


def utterance(text="привет", language="ru", name="a", duration_s=1.0):
    return examples.utterance(name, text=text, language=language, duration_s=duration_s)


def context_s(clips):
    return max(computed_seconds(len(clip) / 16_000) for clip in clips)


def engine(folder, max_repeats=0, **changes):
    decode = load_params("decode", DecodeParams, ROOT / "params.yaml")
    own = load_family_params("qwen3_asr", "decode", decoding.OwnParams, ROOT / "params.yaml")
    return decoding.open_engine(
        folder,
        MACHINE,
        decode.model_copy(update={"num_beams": 1} | changes),
        own.model_copy(update={"max_repeats": max_repeats}),
    )


def test_the_prompt_is_that_of_transformers_own_processor(model, processor):
    clip = noise(2.0)
    text = processor.apply_transcription_request(audio=clip, language="ru", tokenize=False)
    inputs = processor(text=text, audio=[clip])
    ours = model.tokens.prompt("ru", num_audio_tokens(num_frames(len(clip))))
    assert ours == inputs["input_ids"][0].tolist()
    assert text[0].endswith("<|im_start|>assistant\nlanguage Russian<asr_text>")


def test_a_language_that_is_not_in_the_models_list_has_its_name_in_the_prompt(model, processor):
    expected = processor.apply_transcription_request(audio=noise(1.0), tokenize=False)[0]
    prompt = model.tokens.tokenizer.decode(model.tokens.prompt("he", 1), skip_special_tokens=False)
    assert prompt == f"{expected}language Hebrew<asr_text>"


@pytest.mark.parametrize(
    ("code", "name", "listed"),
    [
        ("he", "Hebrew", False), ("bs", "Bosnian", False), ("hr", "Croatian", False),
        ("sr", "Serbian", False), ("ru", "Russian", True), ("yue", "Cantonese", True),
        ("fil", "Filipino", True), ("tl", "Filipino", True), ("iu", "Inuktitut", False),
    ],
)  # fmt: skip
def test_names_of_languages(code, name, listed):
    assert (language_name(code), is_listed(code)) == (name, listed)
    assert language_fault(code, None) is None


def test_a_code_without_a_language_is_refused():
    assert language_fault("xyz", None) == "expected an ISO 639 code of a language"


def test_languages_that_the_model_was_not_trained_on_are_named_in_one_line(capsys):
    tokens._named.clear()
    for languages in (["he", "ru", "bs", "he"], ["he"], ["ru", "bs"]):  # as batches hold them
        tokens.name_unlisted(languages)
    assert capsys.readouterr().err == (
        "qwen3_asr: not among the 30 languages of the pretrained model: Bosnian (bs), Hebrew (he); "
        "it must learn them from your data\n"
    )
    tokens.name_unlisted(["ru", "en"])
    assert capsys.readouterr().err == ""


# Computed by transformers' _get_feat_extract_output_lengths; by hand, a second has 13.
@pytest.mark.parametrize(
    ("samples", "frames", "num_tokens"),
    [
        (100, 50, 7), (8_000, 50, 7), (8_159, 50, 7), (8_160, 51, 7), (15_999, 99, 13),
        (16_000, 100, 13), (16_160, 101, 14), (24_000, 150, 20), (480_000, 3000, 390),
    ],
)  # fmt: skip
def test_frames_and_audio_tokens_of_a_clip(samples, frames, num_tokens):
    assert (num_frames(samples), num_audio_tokens(frames)) == (frames, num_tokens)


def test_features_of_a_clip_are_the_same_bits_alone_and_in_a_batch(model):
    clips = [noise(s, round(100 * s)) for s in (0.2, 1.0, 1.4993, 2.0, 7.313)]
    together = features(model, clips, context_s(clips))
    for row, clip in enumerate(clips):
        alone = features(model, [clip], context_s([clip]))
        count = alone.num_frames[0]
        assert together.num_frames[row] == count
        assert torch.equal(together.log_mel[row, :, : alone.log_mel.shape[2]], alone.log_mel[0])
        assert not together.log_mel[row, :, count:].any()


def test_features_are_qwenlms_own_but_for_the_last_frame(model, processor):
    for seconds in (0.3, 1.0, 1.4993, 3.2):
        clip = noise(seconds)
        ours = features(model, [clip], context_s([clip]))
        count = ours.num_frames[0]
        theirs = processor.feature_extractor(
            clip, sampling_rate=16_000, padding=True, return_attention_mask=True
        )
        assert int(theirs["attention_mask"].sum()) == count
        mel = theirs["input_features"][0]
        assert mel.shape == ours.log_mel[0].shape
        torch.testing.assert_close(
            ours.log_mel[0, :, : count - 1], mel[:, : count - 1], rtol=0, atol=1e-4
        )


def test_windows_of_unequal_clips_by_hand():
    windows = windows_of([5, 1, 3], 2, CPU)
    assert windows.rows.tolist() == [[0, 1], [2, 3], [4, 0], [5, 0], [6, 7], [8, 0]]
    assert windows.mask[:, 0, 0].tolist() == [
        [True, True], [True, True], [True, False], [True, False], [True, True], [True, False],
    ]  # fmt: skip
    assert windows.rows.flatten()[windows.places].tolist() == list(range(9))
    assert windows_of([4, 2], 2, CPU).mask is None


def test_masked_windows_are_transformers_loop_and_so_are_their_gradients(model):
    clips = [noise(s) for s in (20.3, 9.0, 0.5, 8.0)]  # windows of 8 s
    heard = features(model, clips, context_s(clips))
    tower = model.network.model.audio_tower
    frames = torch.arange(heard.log_mel.shape[2]) < torch.tensor(heard.num_frames)[:, None]
    found = []
    for masked in (True, False):
        model.network.zero_grad()
        tower.set_attn_implementation(NAME if masked else "sdpa")
        output = (
            audio_embeddings(model.network, heard)
            if masked
            else model.network.get_audio_features(heard.log_mel, frames).pooler_output
        )
        output.square().sum().backward()
        found.append((output, {n: w.grad.clone() for n, w in tower.named_parameters()}))
    tower.set_attn_implementation(NAME)
    (ours, our_gradients), (theirs, their_gradients) = found
    assert len(ours) == sum(heard.num_tokens)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    for name, gradient in our_gradients.items():
        torch.testing.assert_close(gradient, their_gradients[name], rtol=1e-3, atol=1e-4, msg=name)


def test_targets_are_the_transcript_and_the_first_end_token_alone(model):
    clips, them = [noise(1.0), noise(0.6)], [utterance("лес"), utterance("да", "he", "b")]
    batch = loss_batch(model, clips, them, 1.0, NO_MASKS, [1, 2])
    text = model.tokens.tokenizer.encode("лес", add_special_tokens=False).ids
    end = model.tokens.id(END_OF_TURN)
    assert batch.targets[0].tolist()[-len(text) - 1 :] == [*text, end]
    assert batch.inputs[0].tolist()[-len(text) - 1 :] == [*text, end]
    assert batch.num_targets == len(text) + 1 + 4 + 1  # two letters of two bytes
    for row, (num_audio, language) in enumerate(((13, "ru"), (8, "he"))):
        prompt = model.tokens.prompt(language, num_audio)
        assert batch.inputs[row].tolist()[: len(prompt)] == prompt
        assert set(batch.targets[row].tolist()[: len(prompt)]) == {IGNORED}
    padding = batch.inputs.shape[1] - len(prompt) - 5
    assert batch.targets[1].tolist()[-padding:] == [IGNORED] * padding
    assert batch.inputs[1].tolist()[-padding:] == [model.tokens.id(END_OF_TEXT)] * padding


def test_loss_is_transformers_own(model, folder):
    clips, them = [noise(1.0), noise(1.7)], [utterance("лес"), utterance("привет", "he", "b")]
    batch = loss_batch(model, clips, them, 2.0, NO_MASKS, [1, 2])
    theirs = Qwen3ASRForConditionalGeneration.from_pretrained(folder)
    frames = torch.arange(200) < torch.tensor(batch.heard.num_frames)[:, None]
    with torch.no_grad():
        expected = theirs(
            input_ids=batch.inputs, input_features=batch.heard.log_mel, input_features_mask=frames,
            attention_mask=(batch.inputs != model.tokens.id(END_OF_TEXT)).long(),
            labels=batch.targets,
        ).loss  # fmt: skip
        ours = SummedLoss(model)(batch) / batch.num_targets
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_the_saved_folder_writes_the_same_in_transformers_own_class(folder, processor, num_beams):
    theirs = Qwen3ASRForConditionalGeneration.from_pretrained(folder)
    clips = [noise(s, round(10 * s)) for s in (1.3, 0.6, 2.2)]
    them = [utterance(name=str(i)) for i in range(3)]
    opened = engine(folder, num_beams=num_beams)
    found = opened.transcribe(clips, them, 3.0, [8] * 3)
    lists = opened.candidates(clips, them, 3.0, [8] * 3, num_beams)
    assert [hypotheses[0] for hypotheses in lists] == found
    for clip, hypothesis in zip(clips, found, strict=True):
        text = processor.apply_transcription_request(audio=clip, language="ru", tokenize=False)
        inputs = processor(text=text, audio=[clip])
        with torch.no_grad():
            generated = theirs.generate(**inputs, max_new_tokens=8, num_beams=num_beams,
                                        early_stopping=True)  # fmt: skip
        tail = generated[0, inputs["input_ids"].shape[1] :]
        text = processor.decode(tail, skip_special_tokens=True).replace("<asr_text>", "")
        assert hypothesis.text == text.strip()


def test_the_control_token_before_the_transcript_is_never_written(model):
    read = model.tokens
    assert read.text([*read.transcript("да"), read.id("<asr_text>"), read.id(END_OF_TURN)]) == "да"


def test_a_clip_beside_a_longer_one_keeps_the_room_that_it_has_alone(model, monkeypatch):
    clips, them = [noise(0.5), noise(3.0)], [utterance(), utterance(name="b", duration_s=3.0)]
    most = len(model.tokens.prompt("ru", 39)) + 2  # two tokens beside the clip of 3 s
    monkeypatch.setattr(model, "tokens", type(model.tokens)(model.tokens.tokenizer, most))
    found = transcribe_batch(model, clips, them, 3.0, [9, 9], 1, 0)
    assert [one.num_tokens for one in found] == [9, 2]


def test_a_folder_without_a_weight_or_with_another_size_is_no_model(folder, tmp_path):
    damaged = shutil.copytree(folder, tmp_path / "model")
    path, name = damaged / "model.safetensors", "model.audio_tower.ln_post.bias"
    whole = load_file(path)
    for fault, weights in (
        ("mismatched_keys", whole | {name: whole[name][1:].clone()}),
        ("missing_keys", {other: weight for other, weight in whole.items() if other != name}),
    ):
        save_file(weights, path, {"format": "pt"})
        with pytest.raises(
            InputError, match=f"expected every parameter once, got {fault} .*{name}"
        ):
            load(damaged, CPU)


@pytest.mark.parametrize("num_beams", [1, 4])
def test_a_minute_of_speech_that_loops_ends_early_and_says_so(folder, num_beams):
    """Untrained weights repeat themselves to the end, as tuned ones do now and then."""
    clip, budget = noise(60.0), 150
    them = [utterance(duration_s=60.0)]
    (whole,) = engine(folder).transcribe([clip], them, 60.0, [budget])
    assert (whole.num_tokens, whole.runaway) == (budget, True)
    (guarded,) = engine(folder, 8, num_beams=num_beams).transcribe([clip], them, 60.0, [budget])
    assert guarded.runaway
    assert guarded.num_tokens < 80


def test_decoding_stops_at_either_end_token(model):
    ends = [model.tokens.id(token) for token in ("<|im_end|>", "<|endoftext|>")]
    assert list(model.tokens.ends) == ends
    assert model.network.generation_config.eos_token_id == ends[::-1]


@pytest.mark.parametrize(
    ("lacks", "message"),
    [
        ("tokenizer.json", r"model: expected a Qwen3-ASR, got "),
        ("model.safetensors", r"model: expected weights as \.safetensors, got "),
        ("config.json", r"model: expected a Qwen3-ASR, got "),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused_by_name(folder, tmp_path, lacks, message):
    copy = shutil.copytree(folder, tmp_path / "model")
    (copy / lacks).unlink()
    with pytest.raises(InputError, match=message):
        engine(copy)


def test_the_folder_of_another_family_is_refused(tmp_path):
    write_transformers(tmp_path / "whisper")
    with pytest.raises(
        InputError, match=r"whisper: expected a Qwen3-ASR, got text_config: Field required"
    ):
        engine(tmp_path / "whisper")


def test_what_the_engine_cannot_do_is_refused(folder):
    with pytest.raises(
        InputError,
        match=r"decode.precision: expected one of float32, bfloat16, float16 with .*, got int8",
    ):
        engine(folder, precision="int8")


def test_it_decodes_in_bfloat16_with_positions_in_float32(folder):
    reader = engine(folder, precision="bfloat16")
    network = reader.model.network
    assert network.dtype is torch.bfloat16
    assert network.model.language_model.rotary_emb.inv_freq.dtype is torch.float32
    (heard,) = reader.transcribe([noise(1)], [utterance()], 1.0, [5])
    assert heard.num_tokens == 5


def test_a_transcript_longer_than_the_language_model_is_refused_by_name(model, monkeypatch):
    shorter = type(model.tokens)(model.tokens.tokenizer, 60)
    monkeypatch.setattr(model, "tokens", shorter)
    with pytest.raises(InputError, match=r"xx/a: expected at most 60 tokens, .* got .* 'ааа"):
        loss_batch(model, [noise(1.0)], [utterance("а" * 40)], 1.0, NO_MASKS, [1])
    assert shorter.max_labels(1.0) < 0 < model.tokens.max_labels(0.5) + 100


def test_longest_transcript_leaves_room_for_the_prompt(folder):
    opened = open_tokens(folder)
    for language in ("vi", "iu", "cu"):  # Vietnamese, Inuktitut, Church Slavic: a token a letter
        taken = len(opened.prompt(language, 390)) + opened.max_labels(30.0) + 1
        assert 65536 - 32 < taken <= 65536


def own(**changes):
    read = load_family_params("qwen3_asr", "train", training.OwnParams, ROOT / "params.yaml")
    return read.model_copy(update=changes)


def test_parts_learn_beside_the_adapter_at_rates_of_their_own(folder):
    chosen = own(beside_adapter=["projector"], projector_rate=5.0, audio_tower_rate=0.5)
    params = QWEN3_ASR.params("lora")
    assert training.faults(params, chosen) == []
    trainee = training.open_trainee(folder, CPU, params, chosen)
    learning = {name for name, weight in trainee.network.named_parameters() if weight.requires_grad}
    projector = {name for name in learning if name.startswith("model.multi_modal_projector.")}
    assert len(projector) == 4
    assert {name.split(".")[-3] for name in learning - projector} == {"lora_A", "lora_B"}
    adapted = {name.split(".lora_")[0].split(".")[-1] for name in learning - projector}
    assert adapted == {f"{name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")}
    assert trainee.rate_factors == {"projector": 5.0, "audio_tower": 0.5}


def test_parts_beside_an_adapter_without_an_adapter_are_refused():
    train = load_params("train", TrainParams, ROOT / "params.yaml")
    assert training.faults(train, own(beside_adapter=["audio_tower"])) == [
        "qwen3_asr.train.beside_adapter: expected [] unless train.tune is lora, "
        "got ['audio_tower'] with full"
    ]
