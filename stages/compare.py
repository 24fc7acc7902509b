"""Compute how much better the tuned model is, with confidence intervals."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from asr.core.cli import run
from asr.core.files import sha256_of, write_json
from asr.core.params import load_params, load_seed
from asr.scoring.bootstrap import Interval, blocks_of, intervals_of
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import Scored, by_group, rounded, score_utterances
from asr.text.error_rate import ErrorCounts, pooled
from asr.utterances.hypothesis import read_hypotheses
from asr.utterances.utterance import read_manifest


def compare(manifest: Path, base: Path, tuned: Path, out: Path) -> None:
    """Compare the error rates of the base and the tuned model on the test set.

    Args:
        manifest: of the test set.
        base: hypotheses of the base model.
        tuned: hypotheses of the tuned model.
        out: JSON with rates, differences and intervals, overall and by corpus and language.
    """
    params = load_params("score", ScoreParams)
    normalizers = Normalizers(params.normalizers)
    utterances = read_manifest(manifest)
    before, after = (
        by_group(
            score_utterances(utterances, read_hypotheses(path), path, normalizers, params.script)
        )
        for path in (base, tuned)
    )
    seed = load_seed()
    groups = {name: _difference(before[name], after[name], params, seed) for name in before}
    write_json(
        out,
        {
            "normalizers": normalizers.ids(u.language for u in utterances),
            "test_sha256": sha256_of(manifest),
            "confidence": params.confidence,
            "groups": groups,
        },
    )


def _difference(
    before: list[Scored], after: list[Scored], params: ScoreParams, seed: int
) -> dict[str, Any]:
    """WER and CER of both models, their difference, the intervals and the verdict of one group."""
    blocks, kind = blocks_of([one.utterance for one in before], params.min_blocks)

    def rates(first: list[ErrorCounts], second: list[ErrorCounts]) -> dict[str, Any]:
        a, b = pooled(first).rate, pooled(second).rate
        intervals = intervals_of(first, second, blocks, params, seed)
        return {
            "base": rounded(a),
            "tuned": rounded(b),
            "difference": None if a is None or b is None else rounded(b - a),
            "base_interval": _rounded(intervals.first),
            "tuned_interval": _rounded(intervals.second),
            "difference_interval": _rounded(intervals.difference),
            "verdict": intervals.verdict,
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


def _rounded(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {end: rounded(value) for end, value in asdict(interval).items()}


if __name__ == "__main__":
    run(compare)
