# python -m pytest tests/test_near_duplicates.py
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


@given(keys=st.lists(st.text("abc ", min_size=1), min_size=1))
def test_every_sentence_is_near_itself(keys):
    assert [number for number, _ in near_pairs(keys, keys, 1.0)] == list(range(len(keys)))
