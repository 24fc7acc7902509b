"""Start a stage as several processes with torchrun's launcher, called as a library.

The command ``torchrun`` ends in its own traceback and kills processes 30 s after SIGTERM. The
library reports exit codes and can wait until a large checkpoint is saved.
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from asr.core.errors import InputError

EXIT_CODE = 128 + signal.SIGTERM  # 143, as shells report SIGTERM; DVC prints it


@contextmanager
def stop_signals() -> Iterator[Callable[[], int]]:
    """Inside the block, SIGTERM and Ctrl-C do not end the process.

    Yields a function that returns the number of the signal that came, or 0. A second Ctrl-C ends
    the process at once.
    """
    received = 0

    def store(number: int, _: FrameType | None) -> None:
        nonlocal received
        received = number
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, store) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


ENDED = (EXIT_CODE, -signal.SIGTERM, 128 + signal.SIGINT, -signal.SIGINT)
SAVING_S = 600  # seconds after SIGTERM to finish a step and save a checkpoint


def launch(module: str, arguments: list[str], num_processes: int) -> None:
    """Run ``python -m module arguments`` in several processes and wait for them to end.

    Raises:
        SystemExit: with code 143 after SIGTERM, 130 after Ctrl-C, when all processes have ended.
        InputError: if a process fails or is killed; the launcher then ends the others.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        run_id=module,
        local_addr="localhost",
        max_restarts=0,
        shutdown_timeout=SAVING_S,
        signals_to_handle="SIGTERM,SIGINT",
    )
    try:
        elastic_launch(config, sys.executable)("-m", module, *arguments)
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from error
    except ChildFailedError as error:
        rank, failure = min(error.failures.items(), key=lambda item: _cause_rank(item[1].exitcode))
        if failure.exitcode in ENDED:
            raise SystemExit(EXIT_CODE) from error
        raise InputError(
            f"process {rank} of {num_processes} ended with {_exit_name(failure.exitcode)}; "
            f"its error is above; the other processes were stopped"
        ) from error


def _cause_rank(exit_code: int) -> int:
    """Rank of an exit code as the cause: 0 for killed, 1 for an error, 2 for SIGTERM.

    When a process is killed, the others lose their connection and fail too, perhaps earlier in the
    report. After an error the launcher sends SIGTERM to the remaining processes.
    """
    return 2 if exit_code in ENDED else int(exit_code >= 0)


def _exit_name(exit_code: int) -> str:
    return f"exit code {exit_code}" if exit_code >= 0 else signal.Signals(-exit_code).name
