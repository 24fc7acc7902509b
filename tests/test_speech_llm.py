# python -m pytest tests/test_speech_llm.py
"""The family speech_llm on tiny random parts; tests/test_learning_checks.py has how it learns."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams as SharedDecodeParams
from asr.devices.params import MachineParams
from asr.families.speech_llm.base import language_fault
from asr.families.speech_llm.decoding import OwnParams as DecodeParams
from asr.families.speech_llm.decoding import computed_seconds, open_engine
from asr.families.speech_llm.model.inputs import audio_of, embed, inputs_of, project, prompts
from asr.families.speech_llm.model.model import load
from asr.families.speech_llm.model.projector import new_projector, stack_frames
from asr.families.speech_llm.tokens import (
    end_tokens,
    open_tokens,
    prompt_tokens,
    text_of,
    tokens_without_text,
)
from asr.families.speech_llm.training import OwnParams, faults
from asr.families.speech_llm.training.ctc import ctc_loss
from asr.families.speech_llm.training.loss import loss_batch
from asr.families.speech_llm.window import context_s, num_positions
from asr.generation.causal_lm import IGNORED
from asr.networks.whisper_encoder import encode_clips
from asr.training.params import SpecAugmentParams
from benchmarks.listening import measure as measure_listening
from benchmarks.speech_llm_step import measure as measure_step
from tests.examples import tone, utterance
from tests.test_learning_checks import fit
from tests.tiny_families import CLIPS, CPU, ROOT, SPEECH_LLM, utterances

pytestmark = pytest.mark.integration  # they import torch and transformers
THEM = utterances("be")


@pytest.fixture(scope="module")
def base(made_once):
    folder = made_once("tiny-speech_llm", lambda new: SPEECH_LLM.write_base(new / "base"))
    return folder / "base"


@pytest.fixture(scope="module")
def model(base):
    return load(base, CPU)


@pytest.fixture
def own():
    return load_family_params("speech_llm", "train", OwnParams, ROOT / "params.yaml")


def test_stacking_keeps_the_order_of_time_and_drops_an_unfinished_stack():
    frames = torch.tensor([[[1.0], [2.0], [3.0], [4.0], [5.0]]])
    assert stack_frames(frames, stack=2).tolist() == [[[1.0, 2.0], [3.0, 4.0]]]


def test_a_new_projector_writes_vectors_as_large_as_the_embeddings():
    torch.manual_seed(1)
    embeddings = 0.3 * torch.randn(50, 64)
    projector = new_projector(16, 5, 32, embeddings, seed=1)
    with torch.no_grad():
        written = projector(torch.randn(2, 20, 16))
    assert written.shape == (2, 4, 64)
    assert written.square().mean().sqrt() == pytest.approx(0.3, rel=0.05)
    again = new_projector(16, 5, 32, embeddings, seed=1)
    assert torch.equal(again.linear_in.weight, projector.linear_in.weight)


@pytest.mark.parametrize(
    ("duration_s", "margin_s", "expected"),
    [(0.7, 0.5, 1.2), (0.71, 0.5, 1.6), (0.0, 0.0, 0.4), (29.9, 0.5, 30.0), (30.0, 0.0, 30.0)],
)
def test_a_context_is_the_clip_and_its_margin_in_steps_of_four_stacks(
    duration_s, margin_s, expected
):
    assert context_s(duration_s, margin_s) == expected
    assert num_positions(expected) == 50 * expected


def test_the_context_belongs_to_the_model_and_no_clip_is_tried_with_another(base):
    seconds = computed_seconds(base, DecodeParams(max_repeats=0))
    assert seconds.first(1.0) == context_s(1.0, 0.5)
    assert seconds.again is None


def test_the_prompt_names_the_language_around_the_clip(model):
    before, after = prompt_tokens(model.words, "be")
    assert text_of(model.words, before) == "<|im_start|>user"
    assert text_of(model.words, after) == (
        "Transcribe this Belarusian speech.<|im_end|>\n<|im_start|>assistant"
    )
    assert end_tokens(model.words) == [
        model.words.token_to_id(token) for token in ("<|im_end|>", "<|endoftext|>")
    ]


def test_targets_are_the_transcript_and_one_end_token(model):
    audio = audio_of(model, CLIPS)
    batch = loss_batch(model, audio, THEM)
    end = end_tokens(model.words)[0]
    for row, inputs, one in zip(batch.targets, batch.inputs.tokens, THEM, strict=True):
        tokens = row[row != IGNORED].tolist()
        assert tokens[-1] == end
        assert text_of(model.words, tokens[:-1]) == one.text
        assert inputs[row != IGNORED].tolist() == tokens  # each is read where it is a target
    read = loss_batch(model, audio, THEM, token_dropout=0.5, seeds=range(4)).inputs.tokens
    changed = read != batch.inputs.tokens
    assert changed.any() and (read[changed] == end).all()
    assert not changed[batch.targets == IGNORED].any()


def test_projected_frames_stand_between_the_parts_of_the_prompt(model):
    audio = audio_of(model, CLIPS[:2])
    rows = prompts(model, THEM[:2], audio)
    inputs = inputs_of(model, rows, audio, [[], []])
    with torch.no_grad():
        embedded = embed(model, inputs, project(model, audio))
        words = model.language_model.get_input_embeddings()(inputs.tokens)
    num_before = len(rows[0][0])
    for row, length in enumerate(audio.lengths):
        clip = slice(num_before, num_before + length // 5)
        assert inputs.is_audio[row].nonzero().flatten().tolist() == list(range(*clip.indices(99)))
        alone = encode_clips(model.encoder, [CLIPS[row]], length / 50)
        with torch.no_grad():
            projected = model.projector(torch.from_numpy(alone))[0]
        torch.testing.assert_close(embedded[row, clip], projected, rtol=1e-4, atol=1e-5)
        assert torch.equal(embedded[row, clip.stop :], words[row, clip.stop :])


def test_cached_outputs_give_the_same_loss_to_float16s_rounding(base):
    trainee = SPEECH_LLM.trainee(base)
    trainee.network.eval()
    outputs = [
        trainee.encode([clip], trainee.seconds(one.duration_s))[0].astype(np.float16)
        for clip, one in zip(CLIPS, THEM, strict=True)
    ]
    assert [len(output) for output in outputs] == [
        trainee.num_positions(trainee.seconds(one.duration_s)) for one in THEM
    ]
    longest_s = max(trainee.seconds(one.duration_s) for one in THEM)
    with torch.no_grad():
        cached = trainee.summed_loss(trainee.cached_batch(outputs, THEM, range(4))).item()
        batch = trainee.batch(CLIPS, THEM, longest_s, range(4), zeros=False)
        assert cached == pytest.approx(trainee.summed_loss(batch).item(), rel=1e-4)


def test_spec_augment_masks_a_clip_and_never_what_is_beyond_its_context(base):
    masks = SpecAugmentParams(num_time_masks=2, max_time_share=0.5, num_mel_masks=2,
                              max_mel_bins=20)  # fmt: skip
    clips = [tone(0.5), tone(2.0)]
    them = [utterance(str(i), duration_s=len(clip) / 16_000) for i, clip in enumerate(clips)]
    plain, masked = (
        SPEECH_LLM.trainee(base, spec_augment=one)
        .batch(clips, them, 2.8, [1, 2], zeros=False)
        .inputs.audio.log_mel
        for one in (SPEECH_LLM.params().spec_augment, masks)
    )
    assert not torch.equal(plain, masked)
    assert not masked[0, :, 2 * num_positions(context_s(0.5, 0.5)) :].any()


def test_the_encoder_never_trains_not_even_its_dropout(base):
    trainee = SPEECH_LLM.trainee(base)
    trainee.network.train()
    assert trainee.model.projector.training and trainee.model.language_model.training
    assert not [name for name, part in trainee.model.encoder.named_modules() if part.training]
    assert not [n for n, w in trainee.model.encoder.named_parameters() if w.requires_grad]


def test_ctc_is_that_of_the_whole_vocabulary_with_its_gradient_and_a_text_in_order_costs_nothing():
    torch.manual_seed(1)
    embeddings = torch.randn(40, 64)
    texts = [torch.tensor([7, 9, 9, 30]), torch.tensor([3]), torch.tensor([1, 2, 3])]
    frames = (0.3 * torch.randn(3, 8, 64)).requires_grad_()
    lengths = [8, 5, 2]  # the last has more tokens than frames
    log_probs = (20 / embeddings.square().sum(1).mean() * frames @ embeddings.T).log_softmax(-1)
    expected = torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1), torch.cat(texts), torch.tensor(lengths), torch.tensor([4, 1, 3]),
        blank=0, reduction="none", zero_infinity=True,
    )  # fmt: skip
    assert expected[2] == 0
    found = ctc_loss(frames, lengths, texts, embeddings, blank=0)
    assert found.item() == pytest.approx(expected.sum().item(), rel=1e-5)
    # PyTorch's gradient is another if only the tokens of the texts are given to it.
    ours, theirs = (torch.autograd.grad(loss.sum(), frames)[0] for loss in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    spoken = embeddings[torch.tensor([[7, 0, 9, 0, 9, 30, 30, 0]])]
    assert ctc_loss(spoken, [8], texts[:1], embeddings, blank=0) < 0.1
    assert ctc_loss(spoken.flip(1), [8], texts[:1], embeddings, blank=0) > 10


def test_with_ctc_alone_the_projector_learns_and_the_language_model_is_not_run(base):
    trainee = SPEECH_LLM.trainee(base, "projector", own={"ctc_share": 1.0})
    calls = []
    trainee.model.language_model.get_decoder().register_forward_hook(lambda *_: calls.append(1))
    batch = trainee.batch(CLIPS, THEM, 1.6, range(4), zeros=False)
    trainee.summed_loss(batch).backward()
    assert not calls
    for name, weight in trainee.model.projector.named_parameters():
        assert weight.grad.abs().sum() > 0, name


def opened(base, precision="float32", num_beams=1, max_repeats=0):
    decode = load_params("decode", SharedDecodeParams, ROOT / "params.yaml")
    decode = decode.model_copy(update={"precision": precision, "num_beams": num_beams})
    machine = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
    return open_engine(base, machine, decode, DecodeParams(max_repeats=max_repeats))


@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_clip_alone_and_beside_others_gives_the_same_text(base, num_beams):
    engine = opened(base, num_beams=num_beams)
    together = engine.transcribe(CLIPS, THEM, 1.6, [9] * 4)
    lists = engine.candidates(CLIPS, THEM, 1.6, [9] * 4, num_beams)
    assert [found[0] for found in lists] == together
    assert num_beams == 1 or max(map(len, lists)) > 1
    for clip, one, beside in zip(CLIPS, THEM, together, strict=True):
        (alone,) = engine.transcribe([clip], [one], 1.6, [9])
        assert alone.text == beside.text
        assert alone.mean_log_prob == pytest.approx(beside.mean_log_prob, abs=1e-5)


def test_no_control_token_is_written_and_a_loop_ends_a_clip(base):
    words = load(base, CPU).words
    (free,) = opened(base).transcribe(CLIPS[:1], THEM[:1], 1.6, [40])
    (held,) = opened(base, max_repeats=3).transcribe(CLIPS[:1], THEM[:1], 1.6, [40])
    assert free.num_tokens == 40 and free.runaway
    assert held.num_tokens < 40 and held.runaway  # random weights repeat themselves
    never = tokens_without_text(words, words.get_vocab_size() + 2)
    assert never == [words.token_to_id("<|im_start|>"), *range(259, 261)]


def test_bf16_decodes_and_int8_is_refused(base):
    assert opened(base, "bfloat16").transcribe(CLIPS[:1], THEM[:1], 1.6, [9])
    network = load(base, CPU, torch.bfloat16)
    assert {weight.dtype for weight in network.parameters()} == {torch.bfloat16}
    positions = network.language_model.get_decoder().rotary_emb.inv_freq
    assert positions.dtype == torch.float32  # else position 200 would be a position too far
    with pytest.raises(InputError, match=r"decode\.precision: expected one of float32.*got int8"):
        opened(base, "int8")


def test_a_transcript_that_does_not_fit_is_refused_by_its_utterance(model):
    long = utterance("long", text="я" * 2000, duration_s=0.4)
    with pytest.raises(InputError, match=r"xx/long: expected at most \d+ tokens .* got 4001"):
        loss_batch(model, audio_of(model, CLIPS[:1]), [long])


def test_token_counts_leave_room_for_prompt_and_clip(base):
    tokens = open_tokens(base)
    assert tokens.num_labels(" як ", "be") == 4  # bytes
    prompt = sum(map(len, prompt_tokens(tokens.tokenizer, "art")))
    assert tokens.max_labels(1.0) == 2048 - 300 - prompt - 1


def test_what_the_family_cannot_do_is_refused(own):
    shared = SPEECH_LLM.params()
    assert faults(shared, own) == []
    (fault,) = faults(shared.model_copy(update={"tune": "frozen_encoder"}), own)
    assert fault.startswith("train.tune: expected projector, lora or full")
    masks = SpecAugmentParams(num_time_masks=1, max_time_share=0, num_mel_masks=0, max_mel_bins=0)
    alone = own.model_copy(update={"ctc_share": 1.0})
    (fault,) = faults(shared, alone)
    assert fault.startswith("speech_llm.train.ctc_share: expected less than 1 unless train.tune is")
    assert faults(shared.model_copy(update={"tune": "projector"}), alone) == []
    shared = shared.model_copy(update={"spec_augment": masks})
    (fault,) = faults(shared, own.model_copy(update={"cache_encoder": True}))
    assert fault.endswith("the same only with train.spec_augment.num_time_masks 0")


def test_the_listening_benchmark_tells_own_audio_from_others(base, tmp_path):
    torch.manual_seed(1)
    trainee = SPEECH_LLM.trainee(base)
    fit(SPEECH_LLM, trainee, 80)
    trainee.save(tmp_path)
    decode = load_params("decode", SharedDecodeParams, ROOT / "params.yaml")
    result = measure_listening(tmp_path, base, list(zip(CLIPS, THEM, strict=True)), decode)
    losses = result["loss"]
    assert losses["own audio"] < 1 < losses["another clip's audio"]
    assert losses["no audio"] < losses["no audio, base"] == pytest.approx(5.5, abs=0.5)
    assert result["wer"]["own audio"] == 0.0
    assert result["difference of wer"]["mean"] == result["wer"]["another clip's audio"] >= 1.0


def test_the_step_benchmark_runs_both_contexts_on_the_same_clips(base):
    result = measure_step(base, list(zip(CLIPS, THEM, strict=True)), "projector", 2)
    assert {len(steps) for steps in result["cpu_s_a_step"].values()} == {2}
    assert result["times_faster"]["cpu"] > 0


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("speech_llm.json", "expected a speech_llm model"),
        ("projector.safetensors", "projector.safetensors: expected a projector"),
        ("encoder/config.json", "encoder: expected config.json, got "),
        ("language_model/model.safetensors", "language_model: expected weights as .safetensors"),
    ],
)
def test_a_folder_without_a_part_is_no_model(base, tmp_path, part, message):
    shutil.copytree(base, tmp_path / "model")
    (tmp_path / "model" / part).unlink()
    with pytest.raises(InputError, match=message):
        load(tmp_path / "model", CPU)


@pytest.mark.parametrize(("part", "name"), [("encoder", "layer_norm.weight"),
                                            ("language_model", "model.norm.weight")])  # fmt: skip
def test_a_part_without_a_weight_is_no_model(base, tmp_path, part, name):
    folder = shutil.copytree(base, tmp_path / "model")
    path = folder / part / "model.safetensors"
    weights = {other: weight for other, weight in load_file(path).items() if other != name}
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(InputError, match=rf"{part}: expected every parameter .*missing.*{name}"):
        load(folder, CPU)


def test_weights_that_are_not_finite_are_never_saved(base, tmp_path):
    trainee = SPEECH_LLM.trainee(base)
    trainee.model.projector.linear_in.weight.data[0, 0] = torch.nan
    with pytest.raises(InputError, match=r"projector.linear_in.weight: expected finite weights"):
        trainee.save(tmp_path)


def test_a_code_without_a_language_is_refused():
    assert language_fault("be", None) is None
    assert language_fault("xyz", None) == "expected an ISO 639 code of a language"
