"""Align a hypothesis with its reference word by word, with jiwer, as the score does."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import jiwer


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
    aligned = jiwer.process_words(reference, hypothesis)
    reference_words, hypothesis_words = aligned.references[0], aligned.hypotheses[0]
    words = []
    for chunk in aligned.alignments[0]:
        left = reference_words[chunk.ref_start_idx : chunk.ref_end_idx]
        right = hypothesis_words[chunk.hyp_start_idx : chunk.hyp_end_idx]
        # One side is empty for deletions and insertions; otherwise both have the same length.
        for index in range(max(len(left), len(right))):
            words.append(
                Word(chunk.type, left[index] if left else "", right[index] if right else "")
            )
    return words


@dataclass(frozen=True)
class Confusion:
    """A substitution of one word by another, and its count."""

    reference: str
    hypothesis: str
    count: int


def confusions(diffs: Iterable[Iterable[Word]], most: int) -> list[Confusion]:
    """Return the ``most`` most frequent substitutions; ties are sorted by the words."""
    words = (word for diff in diffs for word in diff if word.kind == "substitute")
    counts = Counter((word.reference, word.hypothesis) for word in words)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(*pair, count) for pair, count in ranked[:most]]
