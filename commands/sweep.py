"""Search for params with a lower error on dev, by experiments in DVC's queue.

    python -m commands.sweep rates             # runs sweeps/rates.yaml, or goes on with it
    python -m commands.sweep rates --jobs 2    # two trials at once, on a machine with two GPUs
    python -m commands.sweep rates --show      # prints what it found so far, and runs nothing

A sweep is a file of ``sweeps/``: the params to vary, between which values, how many trials. Optuna
proposes values near those that did well, and a training whose error on dev is above the median of
the others ends early. Each trial is an experiment: ``dvc exp show`` lists it, ``dvc exp apply``
brings it into the workspace. After an interruption the same command goes on.

It writes ``sweeps/<name>.json`` and a plot ``sweeps/<name>.svg``; the report shows them too. Dev
chooses, so test stays unseen; but the best of many trials on dev is partly luck. Train the best
values whole, with more than one seed: ``python -m commands.seeds``.
"""

import argparse
import sys
from collections.abc import Sequence

from asr.core.errors import InputError
from asr.core.files import atomic_file, write_json
from asr.core.locks import dvc_tmp, lock_folder
from asr.experiments.search import SWEEPS, load_search
from asr.experiments.study import FOLDER, Study
from asr.experiments.sweep import Sweep
from asr.experiments.sweep_results import sweep_results, sweep_sentences, sweep_table
from asr.experiments.version import version
from asr.report.sweeps import sweep_svg

POLL_S = 5.0


def sweep(name: str, jobs: int, *, runs: bool, poll_s: float = POLL_S) -> None:
    """Run what is left of a sweep, then write and print its results.

    Raises:
        InputError: if the sweep's file is faulty, another process runs it, or its trials fail.
    """
    search = load_search(name)
    with lock_folder(dvc_tmp() / FOLDER / name) as held:
        if not held and runs:
            raise InputError(f"{name}: another process runs this sweep")
        facts = [search.model_dump_json(exclude={"trials"})]
        begun = version(facts)
        study = Study(name, begun, search)
        if runs:
            Sweep(study, jobs, lambda: version(facts) == begun).run(poll_s)
        results = sweep_results(study)
        if results["trials"]:
            print(sweep_table(results))
            write_json(SWEEPS / f"{name}.json", results)
            with atomic_file(SWEEPS / f"{name}.svg") as partial:
                partial.write_text(sweep_svg(name, results), encoding="utf-8")
        print(sweep_sentences(results))


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="a file in sweeps/, without .yaml")
    parser.add_argument("--jobs", type=int, default=1, help="trials at once; default 1")
    parser.add_argument("--show", action="store_true", help="print results, run nothing")
    given = parser.parse_args(words)
    if given.jobs < 1:
        parser.error("--jobs: expected 1 or more")
    try:
        sweep(given.name, given.jobs, runs=not given.show)
    except (InputError, OSError) as error:
        sys.exit(f"sweep: {error}")
    except KeyboardInterrupt:
        sys.exit("sweep: interrupted; the queue goes on, and the same command waits for it again")


if __name__ == "__main__":
    main()
