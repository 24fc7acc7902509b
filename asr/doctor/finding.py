"""What a check of the doctor found, and how long it may take to ask."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, TypeVar

Status = Literal["ok", "warn", "fail"]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's screen.

    Attributes:
        status: ``fail`` stops work here; ``warn`` may be as you want it.
        text: what was found.
        mend: the command that mends it; empty if nothing needs to be mended.
    """

    status: Status
    text: str
    mend: str = ""


Check = Callable[[], Iterable[Finding]]


def within(timeout_s: float, ask: Callable[[], Answer]) -> Answer:
    """Call a function, and stop waiting for it after ``timeout_s``.

    Clients of storages have timeouts of their own, but with their retries these add up to minutes.

    Raises:
        TimeoutError: if it takes longer; its thread ends with the process.
    """
    future: Future[Answer] = Future()

    def work() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:  # raised again below, where somebody waits for it
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return future.result(timeout_s)
    except TimeoutError:
        if future.done():  # the function raised it itself
            raise
        raise TimeoutError(f"no answer in {timeout_s:g} s") from None


def some(names: list[str], limit: int = 3) -> str:
    """The first names, and how many more there are: ``a, b, c and 4 more``."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
