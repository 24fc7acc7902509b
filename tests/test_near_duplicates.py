# python -m pytest tests/test_near_duplicates.py
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.splits.near_duplicates import jaccard, letter_ngrams, near_pairs


def test_runs_of_four_letters():
    assert letter_ngrams("abcdef") == {"abcd", "bcde", "cdef"}
    assert letter_ngrams("ab") == {"ab"}


def test_what_two_sentences_share():
    # abcd bcde cdef against abcd bcde cdex: two of four.
    assert jaccard(letter_ngrams("abcdef"), letter_ngrams("abcdex")) == 0.5


def test_pairs_are_named_by_their_places():
    among = ["the sign for the letter f", "a moon"]
    sentences = ["a mouse", "the sign for the letter g", "a moon"]
    assert list(near_pairs(sentences, among, 0.8)) == [(1, 0), (2, 1)]


@pytest.mark.parametrize("min_similarity", [0.55, 0.6, 0.65, 0.7])
def test_a_pair_is_near_from_the_least_similarity_on(min_similarity):
    # Of the five 4-grams in either, 3 are in both (0.6); of the ten, 7 (0.7).
    sentences, among = ["abcdefg", "pqrstuvwxyz"], ["abcdefx", "pqrstuvwxy12"]
    similarities = [jaccard(letter_ngrams(a), letter_ngrams(b))
                    for a, b in zip(sentences, among, strict=True)]  # fmt: skip
    assert similarities == [0.6, 0.7]
    expected = [(i, i) for i, similarity in enumerate(similarities) if similarity >= min_similarity]
    assert list(near_pairs(sentences, among, min_similarity)) == expected


@given(keys=st.lists(st.text("abc ", min_size=1), min_size=1))
def test_every_sentence_is_near_itself(keys):
    assert [number for number, _ in near_pairs(keys, keys, 1.0)] == list(range(len(keys)))
