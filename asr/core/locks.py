"""Locked folders, and the one under which they lie: outside of what Git and DVC own."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK = "lock"  # the name of a file in the folder


@contextmanager
def alone(folder: Path, patience_s: float = 0.0) -> Iterator[bool]:
    """Make the folder; says whether this process holds it, until the block or the process ends.

    Where another holds it, such as an experiment beside this one, this one waits ``patience_s``.
    """
    deadline = time.monotonic() + patience_s
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = (folder / LOCK).open("a")
        except FileNotFoundError:  # another removed the folder in between
            continue
        with lock:
            held = _locked(lock)
            if held and not _is_at(lock, folder / LOCK):
                continue
            if not held and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            yield held
            return


def is_held(folder: Path) -> bool:
    """Whether some process holds the folder, this one included."""
    try:
        with (folder / LOCK).open() as lock:
            return not _locked(lock)
    except FileNotFoundError:
        return False


def dvc_tmp() -> Path:
    """DVC's folder for what is no stage's out: caches, logs, unfinished runs.

    The queue's copies of the repository share one.
    """
    # A queue worker runs in a copy; DVC names the original.
    return Path(os.environ.get("DVC_ROOT", ".")) / ".dvc" / "tmp"


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: IO[str], path: Path) -> bool:
    """Whether an open file is still the one at ``path``."""
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())
