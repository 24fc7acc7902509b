"""Align a hypothesis with its reference by word or character, with jiwer, as the score does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jiwer


@dataclass(frozen=True)
class Word:
    """One position of an alignment: a word, or a character.

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
    aligned = jiwer.process_words(reference, hypothesis)
    return _positions(aligned, aligned.references[0], aligned.hypotheses[0])


def char_diff(reference: str, hypothesis: str) -> list[Word]:
    """Align the characters of two normalized texts, spaces included."""
    return _positions(jiwer.process_characters(reference, hypothesis), reference, hypothesis)


def _positions(aligned: Any, reference: Sequence[str], hypothesis: Sequence[str]) -> list[Word]:
    words = []
    for chunk in aligned.alignments[0]:
        left = reference[chunk.ref_start_idx : chunk.ref_end_idx]
        right = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
        # One side is empty for deletions and insertions; otherwise both have the same length.
        for index in range(max(len(left), len(right))):
            words.append(
                Word(chunk.type, left[index] if left else "", right[index] if right else "")
            )
    return words
