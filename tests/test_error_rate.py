import random

import jiwer
import kaldialign
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text.error_rate import ErrorCounts, char_errors, pooled, word_errors

WORDS = [
    # reference, hypothesis, (words, substitutions, deletions, insertions)
    ("а б в", "а б в", (3, 0, 0, 0)),
    ("а б в", "а х в", (3, 1, 0, 0)),
    ("а б в", "а в", (3, 0, 1, 0)),
    ("а б в", "а б г в", (3, 0, 0, 1)),
    ("а б", "", (2, 0, 2, 0)),
    ("", "а б", (0, 0, 0, 2)),
    ("", "", (0, 0, 0, 0)),
]
texts = st.lists(st.sampled_from("абв"), max_size=6).map(" ".join)


@pytest.mark.parametrize(("reference", "hypothesis", "expected"), WORDS)
def test_words(reference, hypothesis, expected):
    assert word_errors(reference, hypothesis) == ErrorCounts(*expected)


def test_characters_count_spaces():
    assert char_errors("а б", "аб") == ErrorCounts(3, 0, 1, 0)


def test_pooled_is_errors_over_words_not_the_mean_of_rates():
    # 1 of 1 and 0 of 9: pooled 0.1, where the mean of the two rates would be 0.5.
    assert pooled([word_errors("а", "б"), word_errors("а " * 9, "а " * 9)]).rate == 0.1


def test_talking_in_silence_is_paid_for():
    assert pooled([word_errors("", "а б"), word_errors("а б", "а б")]).rate == 1.0


def test_no_reference_no_rate():
    assert word_errors("", "а").rate is None


@given(texts, texts)
def test_errors_are_none_only_between_equals_and_bounded(reference, hypothesis):
    counts = word_errors(reference, hypothesis)
    assert (counts.num_errors == 0) == (reference == hypothesis)
    assert counts.num_errors <= max(len(reference.split()), len(hypothesis.split()))


@given(texts, texts)
def test_swapping_sides_swaps_deletions_and_insertions(reference, hypothesis):
    there, back = word_errors(reference, hypothesis), word_errors(hypothesis, reference)
    assert there.num_errors == back.num_errors
    assert there.deletions - there.insertions == back.insertions - back.deletions


@given(texts, texts)
def test_jiwer_counts_the_same_errors_of_each_kind(reference, hypothesis):
    pair = reference, hypothesis
    for ours, theirs in [
        (word_errors(*pair), jiwer.process_words(*pair)),
        (char_errors(*pair), jiwer.process_characters(*pair)),
    ]:
        kinds = theirs.substitutions, theirs.deletions, theirs.insertions
        assert (ours.substitutions, ours.deletions, ours.insertions) == kinds
        assert ours.num_reference == theirs.hits + theirs.substitutions + theirs.deletions


def test_kaldialign_counts_the_same_errors():
    """Where two alignments are as short, they may replace a word or delete one and insert one."""
    rng = random.Random(1)
    for _ in range(5_000):
        reference = rng.choices("абвгд", k=rng.randint(0, 12))
        hypothesis = [word for word in reference if rng.random() < 0.8]
        for _ in range(rng.randint(0, 4)):
            hypothesis.insert(rng.randint(0, len(hypothesis)), rng.choice("абвгд"))
        ours = word_errors(" ".join(reference), " ".join(hypothesis))
        theirs = kaldialign.edit_distance(reference, hypothesis)
        assert (ours.num_errors, ours.num_reference) == (theirs["total"], theirs["ref_len"])
        assert ours.insertions - ours.deletions == theirs["ins"] - theirs["del"]
