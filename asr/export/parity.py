"""Compare what an export transcribes in its own runtime with our transcripts of the model."""

from collections.abc import Mapping, Sequence
from typing import Any

from asr.core.hashing import hash64
from asr.export.params import ParityParams
from asr.scoring.bootstrap import blocks_of, intervals_of
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import rounded
from asr.text.error_rate import ErrorCounts, pooled, word_errors
from asr.utterances.utterance import Utterance


def drawn(utterances: Sequence[Utterance], most: int | None) -> list[Utterance]:
    """At most so many utterances, in their own order; the choice depends on their ids alone."""
    chosen = sorted(utterances, key=lambda one: hash64(f"parity {one.id}"))[:most]
    ids = {one.id for one in chosen}
    return [one for one in utterances if one.id in ids]


class Comparison:
    """Our transcripts of some utterances, and how much those of an export differ from them."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        ours: Sequence[str],
        normalizers: Normalizers,
        score: ScoreParams,
        seed: int,
    ) -> None:
        """Keep what every export is compared with.

        Args:
            utterances: with the references.
            ours: our transcript of each.
            normalizers: by language, for WER.
            score: section ``score``, for the interval.
            seed: of its bootstrap.
        """
        self._utterances, self._score, self._seed = utterances, score, seed
        self._normalizers = normalizers
        self._ours = [_plain(text) for text in ours]
        self._our_errors = self._errors(self._ours)

    def row(
        self, theirs: Sequence[str], faults: Sequence[str], quantized: bool, params: ParityParams
    ) -> dict[str, Any]:
        """Compare an export's transcripts of the same utterances.

        Args:
            theirs: what its runtime wrote.
            faults: settings that are not the model's, see ``ExportFormat.faults``.
            quantized: see ``ExportFormat``.
            params: the thresholds.
        """
        texts = [_plain(text) for text in theirs]
        errors = self._errors(texts)
        blocks, _ = blocks_of(self._utterances, self._score.min_blocks)
        interval = intervals_of(
            self._our_errors, errors, blocks, self._score, self._seed
        ).difference
        ours, exported = pooled(self._our_errors).rate, pooled(errors).rate
        worse = 0.0 if ours is None or exported is None else exported - ours
        identical = sum(a == b for a, b in zip(self._ours, texts, strict=True)) / len(texts)
        least = params.min_identical_quantized if quantized else params.min_identical
        alike = identical >= least and worse <= params.max_wer_difference
        ends = (None, None) if interval is None else (interval.low, interval.high)
        return {
            "identical": rounded(identical),
            "wer": rounded(exported),
            "wer_ours": rounded(ours),
            "difference": [rounded(worse), *map(rounded, ends)],
            "faults": list(faults),
            "passed": alike and not faults,
        }

    def _errors(self, texts: Sequence[str]) -> list[ErrorCounts]:
        return [
            word_errors(*(self._normalizers.normalize(t, one.language) for t in (one.text, text)))
            for one, text in zip(self._utterances, texts, strict=True)
        ]


def _plain(text: str) -> str:
    """Runtimes differ in the spaces around a text and between its segments."""
    return " ".join(text.split())


def sentence(row: Mapping[str, Any]) -> str:
    """A row of ``Comparison`` in words."""
    verdict = "passed" if row["passed"] else "FAILED"
    faults = "".join(f"; {fault}" for fault in row["faults"])
    return (
        f"{verdict}, {row['identical']:.1%} of texts identical, WER {row['wer']} and ours "
        f"{row['wer_ours']}{faults}"
    )
