"""Confidence intervals of error rates and of their difference: the paired bootstrap over blocks.

Bisani & Ney (2004), "Bootstrap estimates for confidence intervals in ASR performance evaluation".
Whole blocks of utterances are drawn, since the errors of one speaker's utterances correlate:
drawing single utterances would make the interval too narrow.

Percentiles of the resampled rates are too narrow for few blocks: a 95 % interval of 20 speakers
holds the true rate 91 % of the time. So the bootstrap-t is used, which resamples how many standard
errors a rate is off: Efron & Tibshirani (1993), "An Introduction to the Bootstrap", section 12.5.
It holds the rate 94 to 96 % of the time, for 20 to 200 blocks (tests/test_coverage.py). Where some
resamples have no spread, as when they miss the only errors, percentiles that move outwards take its
place: Hesterberg (2015), "What Teachers Should Know About the Bootstrap", section 5.3. Where the
test set itself has none, as without any error, the interval is what one of this size may miss.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from asr.scoring.params import ScoreParams
from asr.text.error_rate import ErrorCounts
from asr.utterances.utterance import Utterance

CHUNK = 256  # resamples per chunk: their draws of 1 000 blocks take 2 MB
# More blocks are drawn in random groups (Wolter 2007, "Introduction to Variance Estimation",
# chapter 2), so that the time does not grow with the test set. The standard deviation of a width is
# 1 / sqrt(2 x 1000), 2 %, as large as that of 2 000 resamples.
MOST_BLOCKS = 1000

Array = npt.NDArray[np.float64]

Verdict = Literal["better", "worse", "the same", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """An interval of an error rate or of a difference, as fractions."""

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
    """Choose the block of each utterance: speaker, else session, if enough are known, else itself.

    A session stands in for unknown speakers: all segments of a long recording have the same one.

    Args:
        utterances: of the test set.
        min_blocks: number of known speakers, or sessions, from which on these are the blocks.

    Returns:
        The block of each utterance, and the kind of blocks, ``speaker``, ``session`` or
        ``utterance``. Report the kind with the interval: by utterance, it holds only for the
        speakers of the test set.
    """
    for kind, names in (
        ("speaker", [one.speaker_id for one in utterances]),
        ("session", [one.session_id for one in utterances]),
    ):
        blocks: list[Hashable] = [
            one.id if name is None else (one.corpus, name)
            for one, name in zip(utterances, names, strict=True)
        ]
        if len({block for block in blocks if isinstance(block, tuple)}) >= min_blocks:
            return blocks, kind
    return [one.id for one in utterances], "utterance"


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
    errors = np.array(
        [(a.num_errors, b.num_errors, b.num_errors - a.num_errors)
         for a, b in zip(first, second, strict=True)], float
    )  # fmt: skip
    totals = np.array([one.num_reference for one in first], float)
    columns = np.repeat(totals[:, None], 3, axis=1)
    found = _intervals(errors, columns, blocks, num_resamples, confidence, min_blocks, seed)
    return PairedIntervals(_of_rate(found[0]), _of_rate(found[1]), found[2])


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


def rate_intervals(
    errors: Array, totals: Array, blocks: Sequence[Hashable], params: ScoreParams, seed: int
) -> list[Interval | None]:
    """Bootstrap several rates of one system, all from the same resamples.

    Args:
        errors: numerators, shape (num_utterances, num_rates).
        totals: denominators, of the same shape.
        blocks: block of each utterance, such as its speaker.
        params: section ``score``.
        seed: seed of the random draws.

    Returns:
        An interval for each rate; None with too few blocks or a denominator that is always 0.
    """
    found = _intervals(
        errors, totals, blocks, params.num_resamples, params.confidence, params.min_blocks, seed
    )
    return [_of_rate(one) for one in found]


def _of_rate(interval: Interval | None) -> Interval | None:
    """A rate is not below 0; the end of its interval may be."""
    return None if interval is None else Interval(max(interval.low, 0.0), max(interval.high, 0.0))


def _intervals(
    errors: Array,
    totals: Array,
    blocks: Sequence[Hashable],
    num_resamples: int,
    confidence: float,
    min_blocks: int,
    seed: int,
) -> list[Interval | None]:
    names = {block: number for number, block in enumerate(dict.fromkeys(blocks))}
    num_rates = errors.shape[1]
    if len(names) < max(min_blocks, 2):  # of one block, every draw is the same
        return [None] * num_rates
    rows = np.array([names[block] for block in blocks])
    drawn = _draws(len(names), num_resamples, seed)
    rows, num_blocks = drawn.groups[rows], drawn.chunks[0].shape[1]
    sums = np.zeros((2, num_blocks, num_rates))
    for one, values in zip(sums, (errors, totals), strict=True):
        np.add.at(one, rows, values)
    resampled = [_rates(times.astype(float), *sums) for times in drawn.chunks]
    tail = (1 - confidence) / 2
    found = _rates(np.ones((1, num_blocks)), *sums)
    low, high = _ends(found, np.concatenate(resampled, axis=1), tail, num_blocks)
    unseen = np.where(found[1, 0] == 0, _unseen(sums[1], tail), 0)
    low, high = low - unseen, high + unseen
    return [
        Interval(float(low[rate]), float(high[rate])) if sums[1, :, rate].any() else None
        for rate in range(num_rates)
    ]


@dataclass(frozen=True)
class _Draws:
    """Which blocks are drawn.

    Attributes:
        groups: the drawn block that each block belongs to.
        chunks: how often each is drawn, in arrays of shape (resamples, drawn blocks).
    """

    groups: npt.NDArray[np.int64]
    chunks: list[npt.NDArray[np.uint16]]


@lru_cache(maxsize=1)  # WER and CER, and all views, follow one another with the same blocks
def _draws(num_blocks: int, num_resamples: int, seed: int) -> _Draws:
    rng = np.random.default_rng(seed)
    groups = np.arange(num_blocks)
    if num_blocks > MOST_BLOCKS:
        groups = rng.permutation(num_blocks) % MOST_BLOCKS
        num_blocks = MOST_BLOCKS
    chunks = []
    for start in range(0, num_resamples, CHUNK):
        size = min(CHUNK, num_resamples - start)
        drawn = rng.integers(num_blocks, size=(size, num_blocks))
        drawn += num_blocks * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * num_blocks)
        chunks.append(times.reshape(size, num_blocks).astype(np.uint16))
    return _Draws(groups, chunks)


def _rates(times: Array, errors: Array, totals: Array) -> Array:
    """Rates and their standard errors, shape (2, num_resamples, num_rates).

    The standard error of a ratio: Cochran (1977), "Sampling Techniques", section 2.11.

    Args:
        times: how often each block was drawn, float64, shape (num_resamples, num_blocks).
        errors: numerators of the blocks, shape (num_blocks, num_rates).
        totals: denominators, of the same shape.
    """
    words = np.maximum(times @ totals, 1)
    rates = times @ errors / words
    squares = times @ errors**2
    spread = squares - 2 * rates * (times @ (errors * totals)) + rates**2 * (times @ totals**2)
    spread[spread < 1e-9 * squares] = 0  # it is 0, but for rounding
    return np.stack([rates, np.sqrt(spread * len(totals) / (len(totals) - 1)) / words])


def _ends(found: Array, resampled: Array, tail: float, num_blocks: int) -> Array:
    """Both ends of each rate's interval, shape (2, num_rates).

    Args:
        found: what ``_rates`` returns for the test set, shape (2, 1, num_rates).
        resampled: what it returns for the resamples.
        tail: share of rates below the interval, and above it.
        num_blocks: number of blocks drawn.
    """
    (rate, error), (rates, errors) = found[:, 0], resampled
    off = rates - rate
    off[np.abs(off) < 1e-12] = 0
    without_spread = np.where(off == 0, 0, np.copysign(np.inf, off))
    off_by = np.divide(off, errors, out=without_spread, where=errors > 0)
    quantiles = np.quantile(off_by, [1 - tail, tail], axis=0, method="nearest")
    outwards = expanded_tail(tail, num_blocks)
    percentiles = np.quantile(rates, [outwards, 1 - outwards], axis=0)
    finite = np.isfinite(quantiles).all(axis=0)
    ends: Array = np.where(finite, rate - np.where(finite, quantiles, 0) * error, percentiles)
    return ends


def _unseen(totals: Array, tail: float) -> Array:
    """Rates that may be missed where all blocks are equal, such as without any error.

    Of a kind of block that is this share of all, n blocks have none with the probability ``tail``
    (for 5 %, Hanley & Lippman-Hand 1983, "If Nothing Goes Wrong, Is Everything All Right?"). Such a
    block is taken to have one error more.

    Args:
        totals: denominators of the blocks, shape (num_blocks, num_rates).
        tail: such as 0.025 for an interval of 95 %.
    """
    missed: Array = (1 - tail ** (1 / len(totals))) / np.maximum(totals.mean(axis=0), 1)
    return missed


def expanded_tail(tail: float, num_blocks: int) -> float:
    """The share of resamples to leave out at one end, so that ``tail`` of the true rates lie there.

    Resamples vary too little by sqrt((n - 1) / n), and their spread is itself an estimate, which
    the t quantile allows for. At 20 blocks 2.5 % become 1.6 %, at 10 blocks 0.9 %.

    Args:
        tail: such as 0.025 for an interval of 95 %.
        num_blocks: at least 2.
    """
    z, nu = NormalDist().inv_cdf(1 - tail), num_blocks - 1
    # Abramowitz & Stegun (1964), 26.7.5: off by less than 0.001 from 9 degrees of freedom on.
    t = (
        z
        + (z**3 + z) / (4 * nu)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * nu**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * nu**3)
    )
    return NormalDist().cdf(-sqrt(num_blocks / nu) * t)
