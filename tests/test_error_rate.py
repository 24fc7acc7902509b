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
