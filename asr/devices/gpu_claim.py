"""Lock a GPU for each process; a process waits while all GPUs are locked.

DVC's queue runs ``-j N`` experiments at once and assigns no GPUs. So a process locks a file for its
GPU in the machine's temporary folder; the kernel releases the lock whenever the process ends.
Call this before CUDA starts, because CUDA reads ``CUDA_VISIBLE_DEVICES`` only once.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import MutableMapping
from pathlib import Path

from asr.core.errors import InputError

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_S = 1.0

_held: dict[str, int] = {}  # file descriptors of locks, by GPU, for the life of the process


def claim_gpus(count: int = 1, folder: Path | None = None) -> list[str]:
    """Lock ``count`` GPUs for the life of this process and hide all others from CUDA.

    Waits until ``count`` GPUs are free, and locks all of them or none: two processes that need two
    each can't deadlock. Does nothing without a GPU, or in a process that a launcher such as
    torchrun started, because the launcher assigns GPUs. Later calls return the same GPUs.

    Args:
        count: of GPUs.
        folder: of the lock files; the machine's temporary folder except in tests.

    Returns:
        UUIDs of the locked GPUs.

    Raises:
        InputError: if the machine, or ``CUDA_VISIBLE_DEVICES``, has fewer than ``count``.
    """
    if _held or "LOCAL_RANK" in os.environ:
        return list(_held)
    ids = visible_gpus(os.environ)
    if not ids:
        return []
    if len(ids) < count:
        raise InputError(f"expected {count} GPUs, got {len(ids)}: {', '.join(ids)}")
    folder = folder or Path(tempfile.gettempdir())
    printed = False
    while not (locks := _locked(ids, count, folder)):
        if not printed:
            print(f"waiting for {count} of {len(ids)} GPUs: all in use", file=sys.stderr)
            printed = True
        time.sleep(POLL_S)
    _held.update(locks)
    os.environ[VISIBLE] = ",".join(locks)
    return list(locks)


def visible_gpus(environment: MutableMapping[str, str]) -> list[str]:
    """UUIDs of the machine's GPUs; only those in ``CUDA_VISIBLE_DEVICES`` if that is set.

    An entry there that is no GPU's index, such as the UUID of a MIG slice, is returned unchanged.
    """
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    listed = subprocess.run(query, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        return []  # a driver without a GPU
    uuid_by_index = dict(line.split(", ") for line in listed.stdout.strip().splitlines())
    if VISIBLE not in environment:
        return list(uuid_by_index.values())
    names = [name.strip() for name in environment[VISIBLE].split(",") if name.strip()]
    return [uuid_by_index.get(name, name) for name in names if name != "-1"]


def _locked(ids: list[str], count: int, folder: Path) -> dict[str, int]:
    """Locks on ``count`` of the GPUs; on none if fewer are free."""
    locks: dict[str, int] = {}
    turn = _opened(folder / "mothertongue-gpus.lock")
    # One process tries at a time. Otherwise two that need two could each lock one and fail forever.
    fcntl.flock(turn, fcntl.LOCK_EX)
    for gpu in ids:
        if len(locks) == count:
            break
        lock = _opened(folder / f"mothertongue-gpu-{gpu}.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            locks[gpu] = lock
    if len(locks) < count:
        for lock in locks.values():
            os.close(lock)
        locks = {}
    os.close(turn)
    return locks


def _opened(path: Path) -> int:
    """A file descriptor to lock; opened for reading, because another user may own the file."""
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
