"""Word and character error rates, pooled: errors of all utterances over words of all references.

Alignment is jiwer's. A reference without words is not left out: whatever is heard in it counts as
insertions, so a model that talks in silence pays for it.
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
        substitutions: heard as another.
        deletions: not heard.
        insertions: heard, not said.
    """

    num_reference: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def num_errors(self) -> int:
        """All three kinds."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float | None:
        """Errors a reference word, as a fraction; above 1 if more is heard than said.

        None where there is no reference to divide by.
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
    """Count the errors between two normalized texts, words being what spaces part."""
    return _counts(jiwer.process_words(reference, hypothesis), len(reference.split()))


def char_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Count the errors in characters, the spaces between words included."""
    return _counts(jiwer.process_characters(reference, hypothesis), len(reference))


def pooled(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    """The sum."""
    return sum(counts, ErrorCounts())


def _counts(output: jiwer.WordOutput | jiwer.CharacterOutput, num_reference: int) -> ErrorCounts:
    return ErrorCounts(num_reference, output.substitutions, output.deletions, output.insertions)
