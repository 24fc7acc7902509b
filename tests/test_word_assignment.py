# python -m pytest tests/test_word_assignment.py
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.alignment.word_assignment import assign_words


def texts(transcript, hypotheses):
    return [piece.text for piece in assign_words(transcript, hypotheses)]


@pytest.mark.parametrize(
    ("transcript", "hypotheses", "expected"),
    [
        ("One two three four.", ["one two", "three four"], ["One two", "three four."]),
        ("One two three four.", ["wan to", "tree for"], ["One two", "three four."]),
        ("One two three four.", ["one", "", "two three four"], ["One", "", "two three four."]),
        ("One two.", ["one two"], ["One two."]),
        ("One.", ["one", "uh"], ["One.", ""]),
        ("One.", ["", ""], ["One.", ""]),  # stays with the first: nothing was said before it
        ("", ["one", "two"], ["", ""]),
        ("— One, — two …", ["one", "two"], ["— One, —", "two …"]),
        ("a b a b a b", ["ab", "ab", "ab"], ["a b", "a b", "a b"]),
        # The second piece heard nothing of "three": it stays with what was said before it.
        ("one two three four", ["one two", "four"], ["one two three", "four"]),
    ],
)
def test_words_go_where_they_were_heard(transcript, hypotheses, expected):
    assert texts(transcript, hypotheses) == expected


def test_agreement_is_the_share_of_letters_that_agree():
    first, second = assign_words("abcd efgh", ["abcd", "efxx"])
    assert (first.agreement, second.agreement) == (1.0, 0.5)
    assert [piece.agreement for piece in assign_words("", ["", "noise"])] == [1.0, 0.0]


def test_a_cut_beside_a_word_that_nobody_heard_is_not_sure():
    assert [piece.certainty for piece in assign_words("abcd efgh", ["abcd", "efgh"])] == [1.0, 1.0]
    unheard = assign_words("abcd xyz efgh ijkl", ["abcd", "efgh", "ijkl"])
    assert [piece.certainty for piece in unheard] == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("transcript", "hypothesis", "evenness"),
    [
        ("abcd efgh", "abcd efgh", 1.0),
        ("abcd efgh", "xxxx efgx", 1.0),  # wrong letters, but as many
        ("abcd efgh", "abcd ef", 0.8),  # two letters too many, of 10
        ("abcd efgh", "abcd xyz efgh", 0.7),
        ("abcd xyz efgh", "abcd efgh uvw", 0.7),  # a surplus each, not within one stretch
        ("xx abcde yy", "abcde", 0.7),  # 2, less 5 times 0.2 in common, and 2 more
        ("nobody says this", "", 0.0),
        ("", "nobody wrote this", 0.0),
        ("", "", 1.0),
    ],
)
def test_a_surplus_of_letters_in_text_or_speech_makes_a_piece_uneven(
    transcript, hypothesis, evenness
):
    (piece,) = assign_words(transcript, [hypothesis])
    assert piece.evenness == pytest.approx(evenness)


def test_a_sentence_that_nobody_says_is_the_least_of_the_three():
    said = "a sentence that everybody hears and that is long enough to agree"
    (piece,) = assign_words(f"{said} nobody says it", [said])
    assert piece.agreement > 0.8
    assert piece.certainty == 1
    assert piece.confidence == piece.evenness == 0


WORDS = st.lists(st.text("abc.—", min_size=1, max_size=4), max_size=12).map(" ".join)
PIECES = st.lists(st.text("abcd ", max_size=8), min_size=1, max_size=4)


@given(WORDS, PIECES)
def test_nothing_is_lost_or_doubled(transcript, hypotheses):
    pieces = assign_words(transcript, hypotheses)
    assert len(pieces) == len(hypotheses)
    assert " ".join(piece.text for piece in pieces if piece.text) == " ".join(transcript.split())
    for piece in pieces:
        measures = (piece.agreement, piece.certainty, piece.evenness)
        assert 0 <= piece.confidence == min(measures) <= max(measures) <= 1


@settings(deadline=None)
@given(st.text(max_size=40), st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_any_text_can_be_assigned(transcript, hypotheses):
    pieces = texts(transcript, hypotheses)
    assert " ".join(piece for piece in pieces if piece) == " ".join(transcript.split())


def edit_distance(a: str, b: str) -> int:
    @cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        changed = distance(i - 1, j - 1) + (a[i - 1] != b[j - 1])
        return min(changed, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(a), len(b))


def cheapest(words: list[str], hypotheses: list[str]) -> int:
    """The least cost of any assignment, by trying all."""
    if len(hypotheses) == 1:
        return edit_distance("".join(words), hypotheses[0])
    return min(
        edit_distance("".join(words[:n]), hypotheses[0]) + cheapest(words[n:], hypotheses[1:])
        for n in range(len(words) + 1)
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text("ab", min_size=1, max_size=3), max_size=6),
    st.lists(st.text("ab", max_size=6), min_size=1, max_size=3),
)
def test_no_other_assignment_is_better(words, hypotheses):
    pieces = texts(" ".join(words), hypotheses)
    cost = sum(
        edit_distance(piece.replace(" ", ""), heard)
        for piece, heard in zip(pieces, hypotheses, strict=True)
    )
    assert cost == cheapest(words, hypotheses)
