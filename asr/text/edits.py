"""Where a hypothesis differs from its reference, by word or character, as the score counts it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

KINDS = {"replace": "substitute", "delete": "delete", "insert": "insert"}  # rapidfuzz's, and ours


class Edit(NamedTuple):
    """A word or character that differs.

    Attributes:
        kind: ``substitute``, ``delete`` or ``insert``.
        place: its index in the reference; an insertion has that of the next one.
        reference: what the reference has, empty where one was inserted.
        hypothesis: what the hypothesis has, empty where one was deleted.
    """

    kind: str
    place: int
    reference: str
    hypothesis: str


def word_edits(reference: str, hypothesis: str) -> Iterator[Edit]:
    """The words of two normalized texts that differ, from first to last; spaces separate words."""
    words, others = reference.split(), hypothesis.split()
    return _edits(words, others, *numbered(words, others))


def char_edits(reference: str, hypothesis: str) -> Iterator[Edit]:
    """The characters of two normalized texts that differ, spaces included."""
    return _edits(reference, hypothesis, reference, hypothesis)


def numbered(words: Sequence[str], others: Sequence[str]) -> tuple[list[int], list[int]]:
    """A number for each word, equal for equal words, as jiwer does.

    rapidfuzz would compare words by their hashes.
    """
    numbers: dict[str, int] = {}
    first, second = (
        [numbers.setdefault(word, len(numbers)) for word in text] for text in (words, others)
    )
    return first, second


def _edits(
    reference: Sequence[str],
    hypothesis: Sequence[str],
    aligned_reference: Sequence[int] | str,
    aligned_hypothesis: Sequence[int] | str,
) -> Iterator[Edit]:
    for one in Levenshtein.editops(aligned_reference, aligned_hypothesis):
        kind = KINDS[one.tag]
        said = "" if kind == "insert" else reference[one.src_pos]
        heard = "" if kind == "delete" else hypothesis[one.dest_pos]
        yield Edit(kind, one.src_pos, said, heard)
