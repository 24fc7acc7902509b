"""Compare two models on one test set: both error rates, their difference, intervals and verdict."""

from collections.abc import Sequence
from typing import Any

from asr.scoring.bootstrap import blocks_of, intervals_of
from asr.scoring.params import ScoreParams
from asr.scoring.rates import rounded_interval
from asr.scoring.score import Scored, by_group, rounded
from asr.text.error_rate import ErrorCounts, pooled


def compare_groups(
    first: Sequence[Scored],
    second: Sequence[Scored],
    names: tuple[str, str],
    params: ScoreParams,
    seed: int,
) -> dict[str, Any]:
    """Compare two models overall and by corpus and language.

    Args:
        first: the first model's scores.
        second: those of the second, of the same utterances in the same order.
        names: keys for the rates of both, such as ``("base", "tuned")``.
        params: section ``score``.
        seed: of the bootstrap.

    Returns:
        By group: for WER and CER both rates, the difference (second minus first), the intervals
        and the verdict on the second.
    """
    before, after = by_group(first), by_group(second)
    return {name: _compare(before[name], after[name], names, params, seed) for name in before}


def _compare(
    before: list[Scored],
    after: list[Scored],
    names: tuple[str, str],
    params: ScoreParams,
    seed: int,
) -> dict[str, Any]:
    blocks, kind = blocks_of([one.utterance for one in before], params.min_blocks)

    def rates(first: list[ErrorCounts], second: list[ErrorCounts]) -> dict[str, Any]:
        a, b = pooled(first).rate, pooled(second).rate
        intervals = intervals_of(first, second, blocks, params, seed)
        return {
            names[0]: rounded(a),
            names[1]: rounded(b),
            "difference": None if a is None or b is None else rounded(b - a),
            f"{names[0]}_interval": rounded_interval(intervals.first),
            f"{names[1]}_interval": rounded_interval(intervals.second),
            "difference_interval": rounded_interval(intervals.difference),
            "verdict": intervals.verdict(params.min_effect),
        }

    pairs = list(zip(before, after, strict=True))
    return {
        "wer": rates([one.words for one in before], [one.words for one in after]),
        "cer": rates([one.chars for one in before], [one.chars for one in after]),
        "num_utterances": len(pairs),
        "block": kind,
        "num_blocks": len(set(blocks)),
        "num_better": sum(b.words.num_errors < a.words.num_errors for a, b in pairs),
        "num_worse": sum(b.words.num_errors > a.words.num_errors for a, b in pairs),
    }
