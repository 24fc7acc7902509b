"""SIGTERM, a spot machine's warning: noted, so that the step at hand is finished and saved."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

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
