"""Folder locks, and DVC's folder for temporary files, where those folders lie."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK = "lock"  # the name of a file in the folder


@contextmanager
def lock_folder(folder: Path, timeout_s: float = 0.0) -> Iterator[bool]:
    """Create and lock a folder until the block or the process ends.

    Yields:
        Whether this process has the lock; False if another still had it after ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = (folder / LOCK).open("a")
        except FileNotFoundError:  # another process removed the folder after mkdir
            continue
        with lock:
            held = _locked(lock)
            if held and not _is_at(lock, folder / LOCK):
                continue  # locked a file that another process removed in the meantime
            if not held and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            yield held
            return


def is_held(folder: Path) -> bool:
    """Whether any process has locked the folder, this one included."""
    try:
        with (folder / LOCK).open() as lock:
            return not _locked(lock)
    except FileNotFoundError:
        return False


def dvc_tmp() -> Path:
    """DVC's temporary folder, for files that are no stage's out: caches, logs, unfinished runs."""
    # A queue worker runs in a copy of the repository, and DVC_ROOT names the original. So all
    # experiments share one folder.
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
