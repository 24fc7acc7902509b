"""All guards of one model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.decoding.detection_rows import Detection
from asr.guards.kinds import GUARD, JOINED, OTHER, SOUND
from asr.guards.measure.forgetting import measure_forgetting
from asr.guards.measure.hallucination import measure_hallucination
from asr.guards.measure.loops import measure_loops
from asr.guards.measure.memorised import measure_memorised
from asr.guards.measure.timestamps import measure_timestamps
from asr.guards.params import GuardsParams
from asr.scoring.params import ScoreParams
from asr.utterances.hypothesis import read_hypotheses
from asr.utterances.jsonl import read_jsonl
from asr.utterances.utterance import Utterance


@dataclass(frozen=True)
class Found:
    """The files of what one model found.

    Attributes:
        hypotheses: of the guards' clips.
        detections: languages and timestamps.
        test_hypotheses: of the test set.
    """

    hypotheses: Path
    detections: Path
    test_hypotheses: Path


def measure_guards(
    found: Found,
    clips: Sequence[Utterance],
    timed: Sequence[Utterance],
    test: Sequence[Utterance],
    train: Sequence[Utterance],
    params: GuardsParams,
    score: ScoreParams,
) -> dict[str, Any]:
    """Measure a model; see the module of each guard.

    Args:
        found: by the model.
        clips: of the guards.
        timed: clips to write timestamps for.
        test: the test set.
        train: the training set.
        params: section ``guards``.
        score: section ``score``.
    """
    hypotheses = read_hypotheses(found.hypotheses)
    of_test = read_hypotheses(found.test_hypotheses)
    detections = {one.id: one for one in read_jsonl(found.detections, Detection)}
    sounds, joined, others = (
        [one for one in clips if one.attributes[GUARD] == kind] for kind in (SOUND, JOINED, OTHER)
    )
    return {
        "hallucination": measure_hallucination(sounds, hypotheses),
        "loops": measure_loops(of_test, joined, hypotheses, params),
        "forgetting": measure_forgetting(
            others, hypotheses, found.hypotheses, detections, params.others, score
        ),
        "timestamps": measure_timestamps(timed, detections),
        "memorised": measure_memorised(test, of_test, train, params.min_memorised_words),
    }
