"""Align a hypothesis with its reference word by word, to show both."""

from dataclasses import dataclass

from asr.text.edits import word_edits


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


def word_diff(reference: str, hypothesis: str) -> list[Word]:
    """Align the words of two normalized texts; spaces separate words."""
    equal = [Word("equal", word, word) for word in reference.split()]
    diff, place = list[Word](), 0
    for edit in word_edits(reference, hypothesis):
        diff += equal[place : edit.place]
        diff.append(Word(edit.kind, edit.reference, edit.hypothesis))
        place = edit.place + (edit.kind != "insert")
    return diff + equal[place:]
