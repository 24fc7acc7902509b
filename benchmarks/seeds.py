"""The spread of scores over seeds of training, on the same splits.

    python -m benchmarks.seeds 1 2 3

Each seed is a DVC experiment (``dvc exp run --temp -S seed=<seed>``), which trains in a copy of the
repository and leaves the working tree as it is. It needs the outs of `make repro` in the DVC cache.
Writes ``benchmarks/results/seeds.json``: WER and CER of the tuned model by test group and seed.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

import dvc.api

from benchmarks.measure import RESULTS

SCORE = "metrics/score/tuned.json"


def scores_of(seed: int) -> dict[str, dict[str, float]]:
    """Train with ``seed``; return WER and CER of the tuned model by test group."""
    name = f"seed-{seed}"
    run = sys.executable, "-m", "dvc", "exp", "run"
    subprocess.run([*run, "--temp", "--force", "--name", name, "-S", f"seed={seed}", "score@tuned"],
                   check=True)  # fmt: skip
    groups = dvc.api.metrics_show(SCORE, rev=name)["groups"]
    return {group: {key: scores[key] for key in ("wer", "cer")} for group, scores in groups.items()}


def write(scores: dict[int, dict[str, dict[str, float]]]) -> None:
    """Write the scores by seed."""
    text = json.dumps(scores, indent=2, sort_keys=True) + "\n"
    (RESULTS / "seeds.json").write_text(text, encoding="utf-8")


def main(words: Sequence[str] | None = None) -> None:
    """Run one experiment a seed and write the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="+")
    write({seed: scores_of(seed) for seed in parser.parse_args(words).seeds})


if __name__ == "__main__":
    main()
