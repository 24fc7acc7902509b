# python -m pytest tests/test_example_tokens.py
"""Whisper's training examples with timestamps, and with the text before them as a prompt."""

import random
from collections import Counter

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params
from asr.families.whisper.model.model import encode, load
from asr.families.whisper.tokens import text_tokens, timestamp_token
from asr.families.whisper.training.example_tokens import (
    Regularization,
    check_tokens,
    example_tokens,
)
from asr.families.whisper.training.loss import IGNORED, SummedLoss, loss_batch
from asr.families.whisper.training.params import WhisperTrainParams
from asr.training.augmentation.examples import (
    Example,
    ExampleUtterance,
    Piece,
    example_utterance,
    example_waveform,
    previous_texts,
)
from asr.training.params import TrainParams
from tests.examples import tone, utterance
from tests.tiny_families import ROOT
from tests.tiny_whisper import write_transformers

POSITIONS = 48


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_transformers(folder, max_target_positions=POSITIONS, max_source_positions=200)
    return load(folder, torch.device("cpu"))


@pytest.fixture(scope="module")
def masks():
    return load_params("train", TrainParams, ROOT / "params.yaml").spec_augment


@pytest.fixture
def changes(masks):
    def made(timestamps=0.0, previous_text=0.0, token_dropout=0.0, subword_dropout=0.0):
        return Regularization(masks, token_dropout, subword_dropout, timestamps, previous_text)

    return made


def spelled(whisper, tokens):
    """Tokens as text, with timestamps and control tokens."""
    return whisper.tokenizer.decode(tokens, skip_special_tokens=False)


def built(whisper, one, regularization, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return example_tokens(whisper, one, regularization, generator)


CLIPS = [utterance("a", text="лес", duration_s=1.4), utterance("b", text=" бор. ", duration_s=2.0)]
# The second clip is played at 1.6 times its speed, after a pause of 0.221 s.
JOINED = Example((Piece(0, 1.0, 0.0), Piece(1, 1.6, 0.221)), 2.871, 1)


def test_a_single_clip_is_written_from_zero_to_its_end(whisper, changes):
    single = example_utterance(Example((Piece(0, 0.875, 0.0),), 1.6, 1), CLIPS)
    tokens = built(whisper, single, changes(timestamps=1.0))
    assert spelled(whisper, tokens.prompt) == "<|startoftranscript|><|be|><|transcribe|>"
    assert spelled(whisper, tokens.text) == "<|0.00|> лес<|1.60|>"
    assert tokens.read == tokens.text
    plain = built(whisper, utterance("c", text="два", duration_s=1.2), changes(timestamps=1.0))
    assert spelled(whisper, plain.text) == "<|0.00|> два<|1.20|>"


def test_joined_clips_have_the_times_of_each_with_pause_and_speed(whisper, changes):
    tokens = built(whisper, example_utterance(JOINED, CLIPS), changes(timestamps=1.0))
    assert spelled(whisper, tokens.text) == "<|0.00|> лес<|1.40|><|1.62|> бор.<|2.88|>"


def test_the_times_are_those_of_the_waveform():
    waveforms = [tone(1.4), tone(2.0)]
    waveform = example_waveform(JOINED, waveforms)
    parts = example_utterance(JOINED, CLIPS).parts
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.abs(waveform) > 1e-3, [0]])))
    assert parts[0].end_s == pytest.approx(1.4)
    # A tone crosses zero, so only the long pause between the two is looked at.
    gap = max(np.diff(edges))
    start = edges[np.argmax(np.diff(edges))]
    assert start / 16_000 == pytest.approx(parts[0].end_s, abs=0.01)
    assert (start + gap) / 16_000 == pytest.approx(parts[1].start_s, abs=0.01)
    assert len(waveform) / 16_000 == pytest.approx(parts[1].end_s, abs=0.001)


def test_the_batch_learns_the_times_and_not_the_prompt(whisper, changes):
    clips = [example_waveform(JOINED, [tone(1.4), tone(2.0)]), tone(1.4)]
    them = [example_utterance(JOINED, CLIPS), CLIPS[0]]
    batch = loss_batch(whisper, clips, them, 3.2, changes(timestamps=1.0), [1, 2])
    inputs, targets = batch.inputs[0].tolist(), batch.targets[0].tolist()
    assert targets[:2] == [IGNORED] * 2
    assert spelled(whisper, targets[2:]) == (
        "<|0.00|> лес<|1.40|><|1.62|> бор.<|2.88|><|endoftext|>"
    )
    assert spelled(whisper, inputs) == (
        "<|startoftranscript|><|be|><|transcribe|><|0.00|> лес<|1.40|><|1.62|> бор.<|2.88|>"
    )
    assert inputs[3:] == targets[2:-1]
    with torch.no_grad():
        ours = SummedLoss(whisper)(batch)
        theirs = whisper.network.model.decoder(
            input_ids=batch.inputs,
            encoder_hidden_states=encode(whisper, batch.log_mel),
        ).last_hidden_state
        logits = whisper.network.proj_out(theirs)
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.targets.flatten(), reduction="sum"
    )
    torch.testing.assert_close(ours, expected)


def test_dropouts_leave_the_times_alone(whisper, changes):
    ids = whisper.tokenizer.get_vocab()
    times = [ids[token] for token in ("<|0.00|>", "<|1.40|>", "<|1.62|>", "<|2.88|>")]
    end, hidden = whisper.network.generation_config.eos_token_id, 0
    for seed in range(20):
        regularization = changes(timestamps=1.0, token_dropout=0.6, subword_dropout=0.5)
        tokens = built(whisper, example_utterance(JOINED, CLIPS), regularization, seed)
        for row in (tokens.text, tokens.read):
            assert [token for token in row if token in times] == times
        hidden += tokens.read.count(end)
    assert hidden


def test_too_many_tokens_are_written_without_times(whisper, changes):
    letters = POSITIONS - 4 - 1  # beside the prompt, with the space before the text
    full = utterance("a", text="a" * letters)
    tokens = built(whisper, full, changes(timestamps=1.0))
    assert spelled(whisper, tokens.prompt).endswith("<|notimestamps|>")
    assert len(tokens.prompt + tokens.text) == POSITIONS
    shorter = built(whisper, utterance("a", text="a" * (letters - 1)), changes(timestamps=1.0))
    assert spelled(whisper, shorter.text).endswith("a<|1.00|>")
    assert len(shorter.prompt + shorter.text) == POSITIONS


SEGMENTS = [
    utterance("talk#0", text="Адзін."),
    utterance("talk#1", text="Два."),
    utterance("talk#3", text="Чатыры."),
    utterance("other#2", text="Нешта."),
    utterance("alone", text="Адно."),
]


def test_the_previous_text_is_that_of_the_segment_before_in_the_same_recording():
    assert previous_texts(SEGMENTS) == [None, "Адзін.", None, None, None]
    previous = previous_texts(SEGMENTS)
    second = Example((Piece(1, 1.0, 0.0), Piece(4, 1.0, 0.0)), 2.0, 1)
    assert example_utterance(second, SEGMENTS, previous).previous_text == "Адзін."
    assert example_utterance(second, SEGMENTS).previous_text is None


def with_previous(text, previous):
    example = Example((Piece(0, 1.0, 0.0),), 1.0, 1)
    return example_utterance(example, [utterance("a", text=text)], [previous])


def test_the_previous_text_is_a_prompt_that_is_not_learned(whisper, changes):
    one = with_previous("Два.", "Адзін.")
    batch = loss_batch(whisper, [tone(1.0)], [one], 1.28, changes(previous_text=1.0), [1])
    inputs, targets = batch.inputs[0].tolist(), batch.targets[0].tolist()
    assert spelled(whisper, inputs) == (
        "<|startofprev|> Адзін.<|startoftranscript|><|be|><|transcribe|><|notimestamps|> Два."
    )
    assert spelled(whisper, [t for t in targets if t != IGNORED]) == " Два.<|endoftext|>"
    assert targets[: -len(text_tokens(whisper.tokenizer, "Два.")) - 1] == [IGNORED] * (
        inputs.index(whisper.network.generation_config.no_timestamps_token_id)
    )
    timed = built(whisper, one, changes(timestamps=1.0, previous_text=1.0))
    assert spelled(whisper, timed.prompt + timed.text) == (
        "<|startofprev|> Адзін.<|startoftranscript|><|be|><|transcribe|><|0.00|> Два.<|1.00|>"
    )
    for no_text in (with_previous("Два.", None), utterance("a", text="Два.")):
        tokens = built(whisper, no_text, changes(previous_text=1.0))
        assert spelled(whisper, tokens.prompt).startswith("<|startoftranscript|>")


@pytest.mark.parametrize(
    ("letters", "before"),
    [(3, POSITIONS // 2 - 1), (30, POSITIONS - 4 - 31 - 1), (POSITIONS - 6, 0), (43, 0)],
)
def test_a_long_previous_text_is_cut_at_its_beginning(whisper, changes, letters, before):
    one = with_previous("b" * letters, "a" * 99 + "z")
    tokens = built(whisper, one, changes(previous_text=1.0))
    start = whisper.network.generation_config.decoder_start_token_id
    prompted = tokens.prompt[: tokens.prompt.index(start)]
    assert len(prompted) == (before + 1 if before else 0)
    assert spelled(whisper, prompted) == ("<|startofprev|>" + "a" * (before - 1) + "z") * bool(
        before
    )
    assert len(tokens.prompt + tokens.text) <= POSITIONS


def test_the_shares_are_shares_of_the_examples(whisper, changes):
    found = Counter()
    one = with_previous("Два.", "Адзін.")
    for seed in range(400):
        spelling = spelled(whisper, built(whisper, one, changes(0.25, 0.5), seed).prompt)
        found["times"] += "<|notimestamps|>" not in spelling
        found["previous"] += "<|startofprev|>" in spelling
        found["both"] += spelling.startswith("<|startofprev|>") and "<|not" not in spelling
    assert found["times"] == pytest.approx(100, abs=30)
    assert found["previous"] == pytest.approx(200, abs=30)
    assert found["both"] == pytest.approx(50, abs=25)


def test_shares_of_zero_draw_no_number(whisper, changes):
    """The tokens are built of the same numbers as before there were these shares."""
    rng = random.Random(1)
    ids, end = range(256), whisper.network.generation_config.eos_token_id
    for seed in range(20):
        text = "".join(rng.choice("абвгдabcd ") for _ in range(9)).strip() or "a"
        generator = torch.Generator().manual_seed(seed)
        tokens = example_tokens(
            whisper, with_previous(text, "x"), changes(0, 0, 0.3, 0.3), generator
        )
        before = torch.Generator().manual_seed(seed)
        length = len(text_tokens(whisper.tokenizer, text))
        torch.rand(length, generator=before)  # which tokens are split; single bytes are not
        unread = torch.rand(length, generator=before) < 0.3
        assert [token == end for token in tokens.read] == unread.tolist()
        assert all(token in ids for token in tokens.text)
        assert torch.rand(1, generator=generator) == torch.rand(1, generator=before)


def test_the_default_is_off():
    own = load_family_params("whisper", "train", WhisperTrainParams, ROOT / "params.yaml")
    assert (own.timestamps.share, own.previous_text.share) == (0.0, 0.0)


def test_a_share_needs_its_tokens(whisper, changes, tmp_path):
    check_tokens(whisper, changes(0.1, 0.1))
    write_transformers(tmp_path / "tiny")
    other = load(tmp_path / "tiny", torch.device("cpu"))
    lacking = other.processor.tokenizer.backend_tokenizer.to_str().replace(
        "<|startofprev|>", "<|x|>"
    )

    class WithoutPrevious:
        tokenizer = Tokenizer.from_str(lacking.replace("<|30.00|>", "<|y|>"))

    check_tokens(WithoutPrevious, changes())
    expected = (
        r"whisper\.train\.previous_text\.share: expected 0, .* no <\|startofprev\|>, got 0\.1"
    )
    with pytest.raises(InputError, match=expected):
        check_tokens(WithoutPrevious, changes(previous_text=0.1))
    expected = r"whisper\.train\.timestamps\.share: expected 0, .* no <\|30\.00\|>"
    with pytest.raises(InputError, match=expected):
        check_tokens(WithoutPrevious, changes(timestamps=0.1))


@pytest.mark.parametrize(
    ("seconds", "token"), [(0.0, "<|0.00|>"), (1.405, "<|1.40|>"), (29.999, "<|30.00|>")]
)
def test_the_nearest_timestamp(seconds, token):
    assert timestamp_token(seconds) == token


def test_an_example_is_an_utterance_for_all_other_families():
    one = example_utterance(JOINED, CLIPS)
    assert isinstance(one, ExampleUtterance)
    assert one.text == "лес бор."
