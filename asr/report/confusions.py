"""Count which words and characters are confused, left out and added, from aligned texts."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from asr.scoring.score import Scored
from asr.text.edits import KINDS, Edit, char_edits, word_edits

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
    return _confusions(base, tuned, most, word_edits)


def char_confusions(base: Sequence[Scored], tuned: Sequence[Scored], most: int) -> Confusions:
    """The same of characters, aligned over the whole text, spaces included."""
    return _confusions(base, tuned, most, char_edits)


def _confusions(
    base: Iterable[Scored],
    tuned: Iterable[Scored],
    most: int,
    edits: Callable[[str, str], Iterable[Edit]],
) -> Confusions:
    before, after = (_counted(scored, edits) for scored in (base, tuned))
    return Confusions(*(_most_frequent(after[kind], before[kind], most) for kind in KINDS.values()))


def _counted(
    scored: Iterable[Scored], edits: Callable[[str, str], Iterable[Edit]]
) -> dict[str, Pairs]:
    """Pairs of reference and hypothesis by the kind of error."""
    found: dict[str, Pairs] = {kind: Counter() for kind in KINDS.values()}
    for one in scored:
        for edit in edits(one.reference, one.hypothesis):
            found[edit.kind][edit.reference, edit.hypothesis] += 1
    return found


def _most_frequent(after: Pairs, before: Pairs, most: int) -> list[Confusion]:
    ranked = sorted(after.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(*pair, count, before[pair]) for pair, count in ranked[:most]]
