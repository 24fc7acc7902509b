"""Align a hypothesis with its reference by word or character, as the score does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

KINDS = {"replace": "substitute", "delete": "delete", "insert": "insert"}  # rapidfuzz's, and ours


@dataclass(frozen=True)
class Word:
    """One position of an alignment.

    Attributes:
        kind: ``equal``, ``substitute``, ``delete`` or ``insert``.
        reference: the reference's word, empty where one was inserted.
        hypothesis: the hypothesis's word, empty where one was deleted.
    """

    kind: str
    reference: str
    hypothesis: str


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


def word_diff(reference: str, hypothesis: str) -> list[Word]:
    """Align the words of two normalized texts; spaces separate words."""
    equal = [Word("equal", word, word) for word in reference.split()]
    diff, place = list[Word](), 0
    for edit in word_edits(reference, hypothesis):
        diff += equal[place : edit.place]
        diff.append(Word(edit.kind, edit.reference, edit.hypothesis))
        place = edit.place + (edit.kind != "insert")
    return diff + equal[place:]


def word_edits(reference: str, hypothesis: str) -> Iterator[Edit]:
    """The words of two normalized texts that differ, from first to last."""
    words, others = reference.split(), hypothesis.split()
    # By numbers: rapidfuzz would compare words by their hashes.
    numbers = {word: number for number, word in enumerate({*words, *others})}
    aligned = ([numbers[word] for word in text] for text in (words, others))
    return _edits(words, others, *aligned)


def char_edits(reference: str, hypothesis: str) -> Iterator[Edit]:
    """The characters of two normalized texts that differ, spaces included."""
    return _edits(reference, hypothesis, reference, hypothesis)


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
