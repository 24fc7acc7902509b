"""A folder that one process at a time has for itself."""

import fcntl
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
