"""Starting a stage as several processes, with torchrun's own launcher.

``torchrun`` itself would end in a traceback of its own; called as a library it tells which process
ended how, and waits for a large checkpoint at SIGTERM instead of killing after 30 s.
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from asr.core.errors import InputError

EXIT_CODE = 128 + signal.SIGTERM  # as shells report it; DVC prints it beside the stage's command


@contextmanager
def sigterm_noted() -> Iterator[Callable[[], bool]]:
    """Inside the block SIGTERM ends nothing; the function given says whether it came."""
    came = False

    def note(_: int, __: FrameType | None) -> None:
        nonlocal came
        came = True

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGTERM, before)


ENDED = (EXIT_CODE, -signal.SIGTERM)
SAVING_S = 600  # that the processes have at SIGTERM to finish a step and save


def launch(module: str, arguments: list[str], num_processes: int) -> None:
    """Run ``python -m module arguments`` in several processes at once, and wait for them.

    Raises:
        SystemExit: with code 143 after SIGTERM, when all have saved.
        InputError: if one ends with an error or dies; the others are ended then.
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
        rank, failure = min(error.failures.items(), key=lambda item: _consequence(item[1].exitcode))
        if failure.exitcode in ENDED:
            raise SystemExit(EXIT_CODE) from error
        raise InputError(
            f"process {rank} of {num_processes} ended with {_how(failure.exitcode)}, "
            f"its own words are above; the others were ended"
        ) from error


def _consequence(exit_code: int) -> int:
    """0 for a process that was killed, 1 for an error, 2 for one that was asked to end.

    A process that loses its connection to a dead one fails too, and may report that first. The
    launcher asks those that are left after an error to end.
    """
    return 2 if exit_code in ENDED else int(exit_code >= 0)


def _how(exit_code: int) -> str:
    return f"exit code {exit_code}" if exit_code >= 0 else signal.Signals(-exit_code).name
