"""A training run's state and log for as long as it lasts, in the hands of its first process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.core.files import fingerprint
from asr.training.distributed.processes import Processes
from asr.training.operations import OperationsParams
from asr.training.state.log import CurveRow, Curves, training_log
from asr.training.state.mirror import mirrored
from asr.training.state.scratch import scratch_folder
from asr.training.state.unfinished import Facts, keep_newest, write_facts


@contextmanager
def kept_run(
    facts: Facts, operations: OperationsParams, processes: Processes
) -> Iterator[tuple[Path, Callable[[Curves, CurveRow], None]]]:
    """The folder of the run's state, and what is to be shown its progress after each step.

    Args:
        facts: all that determines the run; its state is found by their hash, and only where all
            of them are equal. The params among them are logged as its configuration.
        operations: section ``operations``: trackers, where the state is mirrored, and how much of
            other runs' state is kept.
        processes: those that train together; only the first holds the folder, mirrors and logs.

    Raises:
        InputError: as ``scratch_folder``, ``mirrored`` and ``training_log``.
    """
    key = fingerprint(facts, ())
    with scratch_folder("train", key, owned=processes.first) as scratch:
        if not processes.first:
            yield scratch, lambda progress, saved: None
            return
        with mirrored(scratch, operations):
            write_facts(scratch, facts)
            keep_newest(scratch.parent, operations.keep_unfinished_gb)
            run, trackers = scratch.name, operations.trackers
            with training_log(run, trackers, facts["params"], processes.device) as log:
                yield scratch, log.watch
