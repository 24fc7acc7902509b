"""How sure a difference is: the paired bootstrap over blocks of utterances.

Bisani & Ney (2004), "Bootstrap estimates for confidence intervals in ASR performance evaluation".
Whole blocks are drawn: utterances of one speaker rise and fall together, and drawing them one by
one would make the interval too narrow.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from asr.text.error_rate import ErrorCounts
from asr.utterances.utterance import Utterance

FEWEST_SPEAKERS = 10  # with one, every draw is the same, and any difference would look certain
CHUNK = 256  # resamples at a time: 256 x 100 000 utterances are 200 MB of indices

Verdict = Literal["better", "worse", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """A percentile interval, as fractions."""

    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """What an interval of a difference in error rate says of the second system."""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "inconclusive"


@dataclass(frozen=True)
class PairedIntervals:
    """Intervals of two systems' error rates and of their difference, from the same resamples."""

    first: Interval
    second: Interval
    difference: Interval


def blocks_of(utterances: Sequence[Utterance]) -> tuple[list[Hashable], str]:
    """What each utterance is drawn with: its speaker if enough of them are known, else itself.

    Returns:
        A block for each utterance, and its kind, ``speaker`` or ``utterance``. The kind goes with
        the interval: one drawn by utterance speaks for these speakers alone.
    """
    speakers = {(one.corpus, one.speaker_id) for one in utterances if one.speaker_id is not None}
    if len(speakers) < FEWEST_SPEAKERS:
        return [one.id for one in utterances], "utterance"
    return [
        one.id if one.speaker_id is None else (one.corpus, one.speaker_id) for one in utterances
    ], "speaker"


def paired_intervals(
    first: Sequence[ErrorCounts],
    second: Sequence[ErrorCounts],
    blocks: Sequence[Hashable],
    num_resamples: int,
    confidence: float,
    seed: int,
) -> PairedIntervals:
    """Bootstrap the pooled error rates of two systems on the same utterances.

    Args:
        first: errors of one system, one item an utterance.
        second: errors of the other, in the same order.
        blocks: what each utterance is drawn with, such as its speaker.
        num_resamples: how many test sets are drawn.
        confidence: share of them inside of an interval, such as 0.95.
        seed: of the drawing.

    Returns:
        Intervals; the difference is second minus first, negative where the second is better.
    """
    names = {block: number for number, block in enumerate(dict.fromkeys(blocks))}
    rows = np.array([names[block] for block in blocks])
    totals = np.zeros((len(names), 3))
    np.add.at(totals, rows, [
        (a.num_errors, b.num_errors, a.num_reference) for a, b in zip(first, second, strict=True)
    ])  # fmt: skip
    rng = np.random.default_rng(seed)
    rates = []
    for start in range(0, num_resamples, CHUNK):
        size = min(CHUNK, num_resamples - start)
        drawn = totals[rng.integers(len(totals), size=(size, len(totals)))].sum(axis=1)
        rates.append(drawn[:, :2] / np.maximum(drawn[:, 2:], 1))
    a, b = np.concatenate(rates).T
    return PairedIntervals(*(_interval(x, confidence) for x in (a, b, b - a)))


def _interval(values: npt.NDArray[np.float64], confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))
