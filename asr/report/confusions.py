"""Count which words and characters are confused, left out and added, from aligned texts."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from asr.report.word_diff import Word, char_diff, word_diff
from asr.scoring.score import Scored

Pairs = Counter[tuple[str, str]]


@dataclass(frozen=True)
class Confusion:
    """A substitution, deletion or insertion, with its count in both models' hypotheses.

    ``reference`` is empty where ``hypothesis`` was added, ``hypothesis`` where ``reference`` was
    left out.
    """

    reference: str
    hypothesis: str
    count: int
    base: int


@dataclass(frozen=True)
class Confusions:
    """The most frequent ones of each kind, most frequent first; ties are sorted by the text."""

    substituted: list[Confusion]
    deleted: list[Confusion]
    inserted: list[Confusion]


def word_confusions(base: Sequence[Scored], tuned: Sequence[Scored], most: int) -> Confusions:
    """Count the words that the tuned model gets wrong, at most ``most`` of a kind."""
    return _confusions(base, tuned, most, word_diff)


def char_confusions(base: Sequence[Scored], tuned: Sequence[Scored], most: int) -> Confusions:
    """The same of characters, aligned over the whole text, spaces included."""
    return _confusions(base, tuned, most, char_diff)


def _confusions(
    base: Iterable[Scored],
    tuned: Iterable[Scored],
    most: int,
    diff: Callable[[str, str], list[Word]],
) -> Confusions:
    before, after = (
        counted(diff(one.reference, one.hypothesis) for one in scored) for scored in (base, tuned)
    )
    kinds = ("substitute", "delete", "insert")
    return Confusions(*(_most_frequent(after[kind], before[kind], most) for kind in kinds))


def counted(diffs: Iterable[Iterable[Word]]) -> Mapping[str, Pairs]:
    """Count pairs of reference and hypothesis by the kind of error."""
    found: dict[str, Pairs] = {kind: Counter() for kind in ("substitute", "delete", "insert")}
    for diff in diffs:
        for word in diff:
            if word.kind != "equal":
                found[word.kind][word.reference, word.hypothesis] += 1
    return found


def _most_frequent(after: Pairs, before: Pairs, most: int) -> list[Confusion]:
    ranked = sorted(after.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(*pair, count, before[pair]) for pair, count in ranked[:most]]
