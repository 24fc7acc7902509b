"""Word and character error rates, pooled: errors of all utterances over words of all references.

rapidfuzz aligns, as it does for jiwer, in a ninth of jiwer's time: jiwer describes each stretch by
an object, and a rate needs three numbers of an utterance. benchmarks/scoring.py measures both. A
reference without words counts too: all words of its hypothesis are insertions, so hallucinations in
silence raise the rate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

from rapidfuzz.distance import Levenshtein

from asr.text.edits import numbered


@dataclass(frozen=True)
class ErrorCounts:
    """Errors of one utterance or of many; the sum of two is the pooled count.

    Attributes:
        num_reference: words, or characters, of the references.
        substitutions: of them, replaced in the hypothesis.
        deletions: of them, missing from the hypothesis.
        insertions: words, or characters, that only the hypothesis has.
    """

    num_reference: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def num_errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float | None:
        """Errors per reference word or character; many insertions can take it above 1.

        None if the references are empty.
        """
        return self.num_errors / self.num_reference if self.num_reference else None

    def __add__(self, other: Self) -> "ErrorCounts":
        return ErrorCounts(
            self.num_reference + other.num_reference,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


def word_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Count the word errors between two normalized texts; words are split at spaces."""
    return _counts(*numbered(reference.split(), hypothesis.split()))


def char_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Count the character errors between two normalized texts, spaces included."""
    return _counts(reference, hypothesis)


def pooled(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    """The sum over utterances: its ``rate`` is the pooled WER or CER."""
    return sum(counts, ErrorCounts())


_shared = cache(ErrorCounts)  # most utterances have the same few counts as others


def _counts(reference: Sequence[int] | str, hypothesis: Sequence[int] | str) -> ErrorCounts:
    if reference == hypothesis:
        return _shared(len(reference))
    kinds = [kind for kind, _, _ in Levenshtein.editops(reference, hypothesis).as_list()]
    substitutions, deletions = kinds.count("replace"), kinds.count("delete")
    return _shared(len(reference), substitutions, deletions, len(kinds) - substitutions - deletions)
