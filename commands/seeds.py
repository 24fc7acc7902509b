"""The spread of scores over seeds of training, on the same splits.

    python -m commands.seeds 5                  # trains with seeds 1 to 5, and prints the spread
    python -m commands.seeds 5 -S train.lr=1e-5 --out slower.json
    python -m commands.seeds                    # prints the stored spread

Each seed is an experiment in DVC's queue, up to the scores of the tuned model; the workspace does
not change. After an interruption the same command goes on: it waits for experiments that run, and
trains none again whose code and params are as they were. ``dvc exp show`` lists them.

It writes WER and CER by seed and test group to ``benchmarks/results/seeds.json``, and prints mean,
standard deviation and the smallest difference that so many seeds show: asr/experiments/spread.py.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.experiments import queue
from asr.experiments.spread import Scores, spread_table
from asr.experiments.version import version

OUT = Path("benchmarks", "results", "seeds.json")
TARGET = "score@tuned"
METRICS = "metrics/score/tuned.json"
POLL_S = 10.0


def run_seeds(
    seeds: Sequence[int], overrides: Sequence[str], jobs: int, poll_s: float = POLL_S
) -> Scores:
    """Train with each seed that was not trained yet; return the scores by seed.

    Raises:
        InputError: if an experiment fails.
    """
    names = {seed: f"seed-{seed}-{version(overrides)[:7]}" for seed in seeds}
    known, waiting = queue.experiments(), queue.statuses()
    missing = {seed: name for seed, name in names.items() if name not in known}
    for seed, name in missing.items():
        if waiting.get(name) in queue.DONE:
            queue.forget(name)
        if waiting.get(name) not in ("Queued", "Running"):
            queue.put(name, [*overrides, f"seed={seed}"], TARGET)
    if missing:
        ended = queue.run_queued(list(missing.values()), jobs, poll_s)
        if failed := [name for name, status in ended.items() if status == "Failed"]:
            raise InputError(f"failed: {', '.join(failed)}; see: dvc queue logs {failed[0]}")
    return {str(seed): _scores(name) for seed, name in names.items()}


def _scores(name: str) -> dict[str, dict[str, float]]:
    groups = queue.metrics(name, METRICS)["groups"]
    return {group: {key: scores[key] for key in ("wer", "cer")} for group, scores in groups.items()}


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("num", type=int, nargs="?", help="number of seeds, 2 or more")
    parser.add_argument("-S", dest="overrides", action="append", default=[], metavar="KEY=VALUE",
                        help="value of params.yaml; repeatable")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once; default 1")
    parser.add_argument("--out", type=Path, default=OUT, help=f"JSON; default {OUT}")
    given = parser.parse_args(words)
    if given.num is not None and given.num < 2:
        parser.error("expected 2 seeds or more: one has no spread")
    try:
        if given.num is not None:
            write_json(given.out, run_seeds(range(1, given.num + 1), given.overrides, given.jobs))
        print(spread_table(read_json(given.out)))
    except (InputError, OSError) as error:
        sys.exit(f"seeds: {error}")
    except KeyboardInterrupt:
        sys.exit("seeds: interrupted; the queue goes on, and the same command waits for it again")


if __name__ == "__main__":
    main()
