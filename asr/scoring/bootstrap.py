"""Confidence intervals of error rates and of their difference: the paired bootstrap over blocks.

Bisani & Ney (2004), "Bootstrap estimates for confidence intervals in ASR performance evaluation".
Whole blocks of utterances are drawn, since the errors of one speaker's utterances correlate:
drawing single utterances would make the interval too narrow.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from asr.scoring.params import ScoreParams
from asr.text.error_rate import ErrorCounts
from asr.utterances.utterance import Utterance

CHUNK = 256  # resamples per chunk: 256 x 100 000 utterances take 200 MB of indices

Verdict = Literal["better", "worse", "the same", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """A percentile interval of an error rate or of a difference, as fractions."""

    low: float
    high: float

    def verdict(self, min_effect: float) -> Verdict:
        """Whether the second system is better, for an interval of second minus first.

        Args:
            min_effect: up to this much more or less is the same, even if it is no chance.
        """
        if -min_effect <= self.low and self.high <= min_effect:
            return "the same"
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "inconclusive"


@dataclass(frozen=True)
class PairedIntervals:
    """Intervals of two systems' error rates and of their difference, from the same resamples.

    All are None with too few blocks or no reference words: of a single block, every draw is the
    same, and the interval would have width 0.
    """

    first: Interval | None
    second: Interval | None
    difference: Interval | None

    def verdict(self, min_effect: float) -> Verdict:
        """The verdict of the difference; ``inconclusive`` without an interval."""
        return "inconclusive" if self.difference is None else self.difference.verdict(min_effect)


def blocks_of(utterances: Sequence[Utterance], min_blocks: int) -> tuple[list[Hashable], str]:
    """Choose the block of each utterance: its speaker if enough are known, else itself.

    Args:
        utterances: of the test set.
        min_blocks: number of known speakers from which on a block is a speaker.

    Returns:
        The block of each utterance, and the kind of blocks, ``speaker`` or ``utterance``. Report
        the kind with the interval: by utterance, it holds only for the speakers of the test set.
    """
    speakers = {(one.corpus, one.speaker_id) for one in utterances if one.speaker_id is not None}
    if len(speakers) < min_blocks:
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
    min_blocks: int,
    seed: int,
) -> PairedIntervals:
    """Bootstrap the pooled error rates of two systems on the same utterances.

    Args:
        first: errors of the first system, one item per utterance.
        second: errors of the second system, in the same order.
        blocks: block of each utterance, such as its speaker.
        num_resamples: number of test sets to draw.
        confidence: share of resamples inside an interval, such as 0.95.
        min_blocks: number of different blocks below which there are no intervals.
        seed: seed of the random draws.

    Returns:
        Three intervals; the difference is second minus first, negative if the second is better.
    """
    names = {block: number for number, block in enumerate(dict.fromkeys(blocks))}
    rows = np.array([names[block] for block in blocks])
    totals = np.zeros((len(names), 3))
    np.add.at(totals, rows, [
        (a.num_errors, b.num_errors, a.num_reference) for a, b in zip(first, second, strict=True)
    ])  # fmt: skip
    if len(names) < min_blocks or not totals[:, 2].any():
        return PairedIntervals(None, None, None)
    rng = np.random.default_rng(seed)
    rates = []
    for start in range(0, num_resamples, CHUNK):
        size = min(CHUNK, num_resamples - start)
        drawn = totals[rng.integers(len(totals), size=(size, len(totals)))].sum(axis=1)
        rates.append(drawn[:, :2] / np.maximum(drawn[:, 2:], 1))
    a, b = np.concatenate(rates).T
    return PairedIntervals(*(_interval(x, confidence) for x in (a, b, b - a)))


def intervals_of(
    first: Sequence[ErrorCounts],
    second: Sequence[ErrorCounts],
    blocks: Sequence[Hashable],
    params: ScoreParams,
    seed: int,
) -> PairedIntervals:
    """Call ``paired_intervals`` with the values of section ``score``."""
    return paired_intervals(
        first,
        second,
        blocks,
        params.num_resamples,
        params.confidence,
        params.min_blocks,
        seed,
    )


def _interval(values: npt.NDArray[np.float64], confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))
