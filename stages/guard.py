"""Measure what tuning may break, on base and tuned model alike."""

from pathlib import Path

from asr.core.cli import run
from asr.core.files import write_json
from asr.core.params import load_params
from asr.guards.measure.all_guards import Found, measure_guards
from asr.guards.params import GuardsParams
from asr.scoring.params import ScoreParams
from asr.utterances.utterance import read_manifest


def guard(
    guards: Path, hypotheses: Path, test: Path, test_hypotheses: Path, train: Path, out: Path
) -> None:
    """Measure what tuning may break, on base and tuned model alike; no threshold stops it.

    Args:
        guards: folder that the stage ``guard_set`` wrote.
        hypotheses: folder of what both models found in its clips.
        test: manifest of the test set.
        test_hypotheses: folder of both models' hypotheses of it.
        train: manifest of the training set.
        out: JSON with the figures of both models.
    """
    params, score = load_params("guards", GuardsParams), load_params("score", ScoreParams)
    clips, timed = (read_manifest(guards / f"{name}.jsonl") for name in ("manifest", "timestamps"))
    tested, trained = read_manifest(test), read_manifest(train)
    measured = {}
    for model in ("base", "tuned"):
        found = Found(
            hypotheses / f"{model}.jsonl",
            hypotheses / f"{model}.detections.jsonl",
            test_hypotheses / f"{model}.jsonl",
        )
        measured[model] = measure_guards(found, clips, timed, tested, trained, params, score)
    write_json(out, measured)


if __name__ == "__main__":
    run(guard)
