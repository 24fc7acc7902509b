"""Forgetting: WER of other languages, and whether the model still recognises them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asr.corpora.params import TestSet
from asr.decoding.detection_rows import Detection
from asr.scoring.normalizers import DEFAULT, Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import rounded, score_utterances
from asr.text.error_rate import pooled
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance


def measure_forgetting(
    utterances: Sequence[Utterance],
    hypotheses: Mapping[str, Hypothesis],
    source: Path,
    detections: Mapping[str, Detection],
    others: Mapping[str, TestSet],
    score: ScoreParams,
) -> dict[str, Any]:
    """WER and share of recognised clips of each corpus of ``guards.others``.

    Args:
        utterances: of other languages; a corpus has none where all of its clips leak.
        hypotheses: by id, of them and of others.
        source: file of the hypotheses, for error messages.
        detections: by id; none where the family names no language.
        others: lines of ``guards.others``.
        score: section ``score``: normalizers and script.
    """
    found = {}
    for name, line in others.items():
        own = [one for one in utterances if one.corpus == name]
        names = {DEFAULT: line.normalizer} if line.normalizer else score.normalizers
        texts = {one.id: hypotheses[one.id] for one in own}
        normalizers = Normalizers(names, score.script)
        scored = score_utterances(own, texts, source, normalizers, score.script)
        named = [detections[one.id].language for one in own if one.id in detections]
        right = [one == two.language for one, two in zip(named, own, strict=False)]
        asked = any(one is not None for one in named)
        found[name] = {
            "num_utterances": len(own),
            "wer": rounded(pooled(one.words for one in scored).rate),
            "language_accuracy": rounded(sum(right) / len(right)) if asked else None,
        }
    return found
