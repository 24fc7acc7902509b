"""Locked folders, and the one under which they lie: outside of what Git and DVC own."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"  # the name of a file in the folder


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Make the folder; says whether this process holds it, until the block or the process ends.

    Where another holds it, such as an experiment beside this one, nobody waits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def dvc_tmp() -> Path:
    """DVC's folder for what is no stage's out: caches, logs, unfinished runs.

    The queue's copies of the repository share one.
    """
    # A queue worker runs in a copy; DVC names the original.
    return Path(os.environ.get("DVC_ROOT", ".")) / ".dvc" / "tmp"
