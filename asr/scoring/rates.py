"""Pooled error rates of some utterances, each with its interval, for a metrics file."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from asr.scoring.bootstrap import Interval, blocks_of, rate_intervals
from asr.scoring.params import ScoreParams
from asr.scoring.score import rounded
from asr.text.error_rate import ErrorCounts
from asr.utterances.utterance import Utterance

RATES = ("wer", "cer", "substitution", "deletion", "insertion")  # the last three of words


def rates(
    utterances: Sequence[Utterance],
    words: Sequence[ErrorCounts],
    chars: Sequence[ErrorCounts],
    params: ScoreParams,
    seed: int,
) -> dict[str, Any]:
    """Pool the errors of some utterances.

    Args:
        utterances: any of the test set.
        words: their word errors, in the same order.
        chars: their character errors.
        params: section ``score``.
        seed: of the bootstrap.

    Returns:
        Counts; the rates that ``RATES`` names, None without reference words; their intervals, None
        with fewer blocks than ``params.min_blocks``; the kind of block and the number of blocks.
    """
    blocks, kind = blocks_of(utterances, params.min_blocks)
    errors = np.array(
        [(w.num_errors, c.num_errors, w.substitutions, w.deletions, w.insertions)
         for w, c in zip(words, chars, strict=True)], float
    ).reshape(-1, len(RATES))  # fmt: skip
    totals = np.array(
        [(w.num_reference, c.num_reference, *(w.num_reference,) * 3)
         for w, c in zip(words, chars, strict=True)], float
    ).reshape(-1, len(RATES))  # fmt: skip
    intervals = rate_intervals(errors, totals, blocks, params, seed)
    pooled: dict[str, Any] = {}
    for name, wrong, of, interval in zip(
        RATES, errors.sum(axis=0), totals.sum(axis=0), intervals, strict=True
    ):
        pooled[name] = rounded(float(wrong / of)) if of else None
        pooled[f"{name}_interval"] = rounded_interval(interval)
    return {
        "num_utterances": len(utterances),
        "num_words": int(totals[:, 0].sum()),
        **pooled,
        "block": kind,
        "num_blocks": len(set(blocks)),
    }


def rounded_interval(interval: Interval | None) -> dict[str, Any] | None:
    """Both ends, as a metrics file has them."""
    if interval is None:
        return None
    return {end: rounded(value) for end, value in asdict(interval).items()}
