"""Where a hypothesis leaves its reference, word by word, as jiwer aligns them for the score."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import jiwer


@dataclass(frozen=True)
class Word:
    """One place of an alignment.

    Attributes:
        kind: ``equal``, ``substitute``, ``delete`` or ``insert``.
        said: the reference's word, empty where one was inserted.
        heard: the hypothesis's word, empty where one was deleted.
    """

    kind: str
    said: str
    heard: str


def word_diff(reference: str, hypothesis: str) -> list[Word]:
    """Align two normalized texts, words being what spaces part."""
    aligned = jiwer.process_words(reference, hypothesis)
    said, heard = aligned.references[0], aligned.hypotheses[0]
    words = []
    for chunk in aligned.alignments[0]:
        left = said[chunk.ref_start_idx : chunk.ref_end_idx]
        right = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
        # Only one side is empty where words were deleted or inserted; else both are equally long.
        for index in range(max(len(left), len(right))):
            words.append(
                Word(chunk.type, left[index] if left else "", right[index] if right else "")
            )
    return words


@dataclass(frozen=True)
class Confusion:
    """One word heard as another, and how often."""

    said: str
    heard: str
    count: int


def confusions(diffs: Iterable[Iterable[Word]], most: int) -> list[Confusion]:
    """The most frequent substitutions, ties in the words' order."""
    counts = Counter(
        (word.said, word.heard) for diff in diffs for word in diff if word.kind == "substitute"
    )
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(said, heard, count) for (said, heard), count in ranked[:most]]
