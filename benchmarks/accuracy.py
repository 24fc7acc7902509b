"""Word errors of a tool, and the interval of their difference from another tool's."""

from collections.abc import Sequence

from asr.core.params import load_params, load_seed
from asr.scoring.bootstrap import blocks_of, intervals_of
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.text.error_rate import ErrorCounts, pooled, word_errors
from benchmarks.corpora import Clip


def clip_errors(clips: Sequence[Clip], texts: Sequence[str]) -> list[ErrorCounts]:
    """Word errors of each clip, as the score stage counts them."""
    normalize = Normalizers(load_params("score", ScoreParams).normalizers).normalize
    return [
        word_errors(normalize(u.text, u.language), normalize(text, u.language))
        for (_, u), text in zip(clips, texts, strict=True)
    ]


def wer(errors: Sequence[ErrorCounts]) -> float:
    """The pooled WER; NaN if the references have no words."""
    rate = pooled(errors).rate
    return float("nan") if rate is None else round(rate, 4)


def difference(
    clips: Sequence[Clip], first: Sequence[ErrorCounts], second: Sequence[ErrorCounts]
) -> dict[str, float | None]:
    """The second WER minus the first on the same clips, with the paired bootstrap's interval."""
    params = load_params("score", ScoreParams)
    blocks, _ = blocks_of([utterance for _, utterance in clips], params.min_blocks)
    interval = intervals_of(first, second, blocks, params, load_seed()).difference
    return {
        "mean": round(wer(second) - wer(first), 4),
        "low": round(interval.low, 4) if interval else None,
        "high": round(interval.high, 4) if interval else None,
    }
