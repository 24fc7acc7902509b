"""Audit a share of a corpus: which utterances are drawn, and what they say of all.

Each utterance is drawn by the hash of its id alone, so a corpus that grows keeps those that were
drawn, and their cached results. Of the drawn ones, every choice of the same size is equally likely,
whoever speaks them: a random sample without replacement.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from asr.core.hashing import hash64
from asr.utterances.utterance import Utterance

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95


def drawn(utterances: Sequence[Utterance], share: float, seed: int, least: int) -> list[int]:
    """Indices of the utterances to audit, in order: about ``share`` of them.

    Args:
        utterances: of one corpus.
        share: ``audit.sample``; 1 draws all.
        seed: ``audit.seed``.
        least: ``audit.min_utterances``, how many to draw at least: fewer would not be judged.
    """
    draws = [hash64(f"sample {seed} {utterance.id}") / 2**64 for utterance in utterances]
    enough = sorted(draws)[: max(1, least)][-1:]
    return [i for i, draw in enumerate(draws) if share == 1 or draw < share or [draw] <= enough]


class Interval(NamedTuple):
    """A share is between the two, with ``CONFIDENCE``."""

    low: float
    high: float


def share_interval(num_bad: int, num_drawn: int, num_not_drawn: int) -> Interval:
    """Interval of the share of bad utterances in a corpus of which a sample was audited.

    Clopper-Pearson's, whose coverage is ``CONFIDENCE`` at least: Wilson's is narrower, but covers
    too seldom where few are bad, and a gate on its upper end would let bad corpora pass. It is
    computed for draws without replacement (hypergeometric), so it narrows to the share itself when
    all are drawn.

    Args:
        num_bad: of the drawn ones.
        num_drawn: size of the sample.
        num_not_drawn: of the corpus; with 0 both ends are the share itself.
    """
    if not num_drawn:
        return Interval(0.0, 1.0 if num_not_drawn else 0.0)
    num_all = num_drawn + num_not_drawn
    log_factorials = np.concatenate([[0.0], np.log(np.arange(1, num_all + 1)).cumsum()])

    def log_comb(of: npt.NDArray[np.intp], chosen: npt.NDArray[np.intp]) -> Floats:
        log_combs: Floats = (
            log_factorials[of] - log_factorials[chosen] - log_factorials[of - chosen]
        )
        return log_combs

    def at_most(num: int, all_bad: int) -> float:
        """Probability that a sample has ``num`` bad ones or fewer, if the corpus has so many."""
        bad = np.arange(max(0, num_drawn - (num_all - all_bad)), min(num, all_bad) + 1)
        of_bad, of_good = log_comb(all_bad + 0 * bad, bad), num_all - all_bad + 0 * bad
        log_probs = of_bad + log_comb(of_good, num_drawn - bad)
        whole = log_comb(np.array([num_all]), np.array([num_drawn]))
        return float(np.exp(log_probs - whole).sum())

    tail = (1 - CONFIDENCE) / 2
    # The corpus has the bad ones that were heard, and any number of those that were not.
    possible = range(num_bad, num_all - (num_drawn - num_bad) + 1)
    low = bisect_left(possible, True, key=lambda bad: 1 - at_most(num_bad - 1, bad) > tail)
    high = bisect_left(possible, True, key=lambda bad: at_most(num_bad, bad) <= tail) - 1
    return Interval(possible[low] / num_all, possible[high] / num_all)
