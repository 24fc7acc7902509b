"""Open the state folder, the mirror and the log of a training run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.core.files import fingerprint
from asr.training.distributed.processes import Processes
from asr.training.operations import OperationsParams
from asr.training.state.log import CurveRow, Curves, training_log
from asr.training.state.mirror import mirrored
from asr.training.state.scratch import scratch_folder
from asr.training.state.unfinished import Facts, remove_oldest, write_facts


@contextmanager
def open_run(
    facts: Facts, operations: OperationsParams, processes: Processes
) -> Iterator[tuple[Path, Callable[[Curves, CurveRow], None]]]:
    """Yield the folder of the run's state, and the function to call with progress after each step.

    Args:
        facts: all that determines the run. Their hash is the key of the state.
        operations: section ``operations``: trackers, mirror, and disk space for unfinished runs.
        processes: the processes of the run; only the first one locks the folder, mirrors and logs.

    Raises:
        InputError: see ``scratch_folder``, ``mirrored`` and ``training_log``.
    """
    key = fingerprint(facts, ())
    with scratch_folder("train", key, owned=processes.first) as scratch:
        if not processes.first:
            yield scratch, lambda progress, saved: None
            return
        with mirrored(scratch, operations):
            write_facts(scratch, facts)
            remove_oldest(scratch.parent, operations.keep_unfinished_gb)
            run, trackers = scratch.name, operations.trackers
            with training_log(run, trackers, processes.device) as log:
                yield scratch, log.watch
