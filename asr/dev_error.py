"""The error rate that chooses the best checkpoint.

Not the score: that has its own stage and its own normalizer. This one takes no normalizer, so that
an edit to one reruns no training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import regex
from rapidfuzz.distance import Levenshtein


@dataclass(frozen=True)
class DevError:
    """Pooled error rates on dev, as fractions."""

    wer: float
    cer: float


def bare_words(text: str) -> list[str]:
    """The words of a sentence, letters, marks and digits alone, case folded."""
    return regex.findall(r"[\p{L}\p{M}\p{N}]+", text.casefold())  # type: ignore[no-any-return]


def dev_error(pairs: Iterable[tuple[str, str]]) -> DevError:
    """Pooled over (reference, hypothesis) pairs; rounded, for it goes into hashed files."""
    errors = words = char_errors = chars = 0
    for reference, hypothesis in pairs:
        expected, got = bare_words(reference), bare_words(hypothesis)
        errors += _distance(expected, got)
        words += len(expected)
        char_errors += _distance(" ".join(expected), " ".join(got))
        chars += len(" ".join(expected))
    return DevError(round(errors / max(1, words), 6), round(char_errors / max(1, chars), 6))


def _distance(expected: Sequence[str], got: Sequence[str]) -> int:
    return int(Levenshtein.distance(expected, got))
