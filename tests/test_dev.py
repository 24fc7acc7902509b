import hashlib

import numpy as np
import pytest
import torch

from asr.core.errors import InputError
from asr.core.params import load_params
from asr.families.whisper.tokens import WhisperTokens, open_tokens
from asr.training.dev import (
    DevError,
    bare_text,
    dev_budget,
    dev_error,
    dev_evaluator,
    pooled_shares,
)
from asr.training.distributed.processes import Processes
from asr.training.params import TrainParams
from asr.utterances.shards import write_shards
from tests.examples import utterance
from tests.sentences import SENTENCES
from tests.tiny_families import ROOT
from tests.tiny_tokens import write_tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Адзін цэнт!", ["адзін", "цэнт"]),
        ("Буквата «й».", ["буквата", "й"]),  # decomposed or not, the breve stays
        ("हिन्दी में", ["हिन्दी", "में"]),  # vowel signs are part of words
        ("…", []),
    ],
)
def test_words_are_letters_marks_and_digits(text, words):
    assert bare_text(text) == " ".join(words)


def test_errors_are_pooled():
    # 1 of 5 words is wrong, and 1 of the 3 + 5 characters, spaces included.
    assert dev_error([("А б.", "а в"), ("В г д", "в г д")]) == DevError(0.2, 0.125)


def test_words_heard_in_silence_are_counted_one_by_one():
    assert dev_error([("…", "а б")]) == DevError(2.0, 3.0)


def test_counts_of_all_processes_are_summed_before_they_are_divided():
    of_two_processes = [("blank_share", (9, 10)), ("blank_share", (1, 30)), ("empty_share", (0, 0))]
    assert pooled_shares(of_two_processes) == {"blank_share": 0.25, "empty_share": 0.0}


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
def test_a_perfect_hypothesis_is_never_cut(tmp_path, language, text):
    """The tiny tokenizer has a token a byte: no tokenizer of Whisper's has more."""
    tokens = open_tokens(write_tokens(tmp_path))
    budget = dev_budget(utterance("a", text=text, language=language), tokens)
    assert tokens.num_labels(text, language) + 1 <= budget


def test_a_wrong_hypothesis_may_be_spelled_letter_by_letter(tmp_path):
    merged = WhisperTokens(open_tokens(write_tokens(tmp_path)).tokenizer, 448)
    assert dev_budget(utterance("a", text="a" * 20), merged) == 29


class Echo:
    """Says what was said, if the device has memory for so many clips."""

    def __init__(self, room):
        self.room = room

    def seconds(self, duration_s):
        return duration_s

    def num_labels(self, text, language):
        return len(text)

    def transcribe(self, clips, utterances, context_s, budgets):
        if len(clips) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return utterances


def test_a_batch_of_dev_that_does_not_fit_the_memory_is_halved(tmp_path):
    samples = [np.full(1600, n, "<i2").tobytes() for n in range(7)]
    clips = [(utterance(str(n), duration_s=0.1, sha256=hashlib.sha256(one).hexdigest()), one)
             for n, one in enumerate(samples)]  # fmt: skip
    (tmp_path / "xx").mkdir()
    dev = write_shards(tmp_path / "xx", clips, 10**9)
    params, alone = load_params("train", TrainParams, ROOT / "params.yaml"), Processes(0, 1, "cpu")
    assert dev_evaluator(Echo(2), tmp_path, dev, params, alone)() == DevError(0.0, 0.0)
    with pytest.raises(InputError, match=r"xx/\d: out of memory in evaluation with one clip"):
        dev_evaluator(Echo(0), tmp_path, dev, params, alone)()
