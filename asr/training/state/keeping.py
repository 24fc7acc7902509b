"""A training run's state and log for as long as it lasts, in the hands of its first process."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asr.training.distributed.processes import Processes
from asr.training.operations import OperationsParams
from asr.training.state.log import Curves, training_log
from asr.training.state.mirror import mirrored
from asr.training.state.scratch import scratch_folder


@contextmanager
def kept_run(
    key: str, facts: Mapping[str, Any], operations: OperationsParams, processes: Processes
) -> Iterator[tuple[Path, Callable[[Curves], None]]]:
    """The folder of the run's state, and what is to be shown its progress after each step.

    Args:
        key: of the run, equal only where all that determines it is.
        facts: what is logged as its configuration.
        operations: section ``operations``: trackers, and where the state is mirrored.
        processes: those that train together; only the first holds the folder, mirrors and logs.

    Raises:
        InputError: as ``scratch_folder``, ``mirrored`` and ``training_log``.
    """
    with scratch_folder("train", key, owned=processes.first) as scratch:
        if not processes.first:
            yield scratch, lambda progress: None
            return
        with (
            mirrored(scratch, operations),
            training_log(f"train-{key}", operations.trackers, facts, processes.device) as log,
        ):
            yield scratch, log.watch
