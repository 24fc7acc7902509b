"""Word and character error rates, pooled: errors of all utterances over words of all references.

jiwer aligns. A reference without words counts too: all words of its hypothesis are insertions, so
hallucinations in silence raise the rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import jiwer


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
    return _counts(jiwer.process_words(reference, hypothesis), len(reference.split()))


def char_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Count the character errors between two normalized texts, spaces included."""
    return _counts(jiwer.process_characters(reference, hypothesis), len(reference))


def pooled(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    """The sum over utterances: its ``rate`` is the pooled WER or CER."""
    return sum(counts, ErrorCounts())


def _counts(output: jiwer.WordOutput | jiwer.CharacterOutput, num_reference: int) -> ErrorCounts:
    return ErrorCounts(num_reference, output.substitutions, output.deletions, output.insertions)
