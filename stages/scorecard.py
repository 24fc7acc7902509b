"""Check the tuned model's metrics against the gates."""

from pathlib import Path

from asr.core.cli import run
from asr.core.files import read_json, write_json
from asr.core.params import load_params
from asr.scoring.gates import scorecard as check_gates
from asr.scoring.params import GatesParams


def scorecard(score: Path, data: Path, guards: Path, alignment: Path, out: Path) -> None:
    """Check the tuned model's metrics against the gates; one that fails is no error here.

    Args:
        score: metrics of the tuned model's score.
        data: metrics of the splits.
        guards: what tuning may break, of both models.
        alignment: how many words have times, and how far off these are.
        out: JSON with requirement, threshold, value and status of every gate.
    """
    gates = load_params("gates", GatesParams)
    found = check_gates(gates, *map(read_json, (score, data, guards, alignment)))
    write_json(out, {"gates": found})


if __name__ == "__main__":
    run(scorecard)
