"""Lock a GPU for each process; a process waits while all GPUs are locked.

DVC's queue runs ``-j N`` experiments at once and assigns no GPUs. So a process locks a file for its
GPU in a folder of the user's own; the kernel releases the lock whenever the process ends. Processes
of different users do not wait for each other: in a folder for all, one could block the others.
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
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

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
        folder: of the lock files; ``lock_folder_of_user()`` except in tests.

    Returns:
        UUIDs of the locked GPUs.

    Raises:
        InputError: if the machine, or ``CUDA_VISIBLE_DEVICES``, has fewer than ``count``, or if
            somebody else owns the folder or may write to it.
    """
    if _held or "LOCAL_RANK" in os.environ:
        return list(_held)
    ids = visible_gpus(os.environ)
    if not ids:
        return []
    if len(ids) < count:
        raise InputError(f"expected {count} GPUs, got {len(ids)}: {', '.join(ids)}")
    place = _opened_folder(folder or lock_folder_of_user())
    printed = False
    while not (locks := _locked(ids, count, place)):
        if not printed:
            print(f"waiting for {count} of {len(ids)} GPUs: all in use", file=sys.stderr)
            printed = True
        time.sleep(POLL_S)
    os.close(place)
    _held.update(locks)
    os.environ[VISIBLE] = ",".join(locks)
    return list(locks)


def lock_folder_of_user() -> Path:
    """In the machine's temporary folder, since a home folder may be shared by machines."""
    return Path(tempfile.gettempdir()) / f"mothertongue-{os.getuid()}"


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


def _locked(ids: list[str], count: int, folder: int) -> dict[str, int]:
    """Locks on ``count`` of the GPUs; on none if fewer are free.

    Args:
        ids: of the GPUs.
        count: of locks.
        folder: file descriptor of the folder of the locks.
    """
    locks: dict[str, int] = {}
    turn = _opened(folder, "gpus.lock")
    # One process tries at a time. Otherwise two that need two could each lock one and fail forever.
    fcntl.flock(turn, fcntl.LOCK_EX)
    for gpu in ids:
        if len(locks) == count:
            break
        # CUDA_VISIBLE_DEVICES may hold anything, a slash too.
        lock = _opened(folder, f"gpu-{quote(gpu, safe='')}.lock")
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


def _opened_folder(path: Path) -> int:
    """A file descriptor of the folder, made if need be: this user's own, and no link.

    In the temporary folder anybody may have made it, or a link, before.
    """
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise InputError(f"{path}: expected a folder, got {error.strerror}") from error
    found = os.fstat(folder)
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        os.close(folder)
        raise InputError(
            f"{path}: expected a folder that user {os.getuid()} alone may write to, got mode "
            f"{found.st_mode & 0o777:o} of user {found.st_uid} (remove it, or set TMPDIR)"
        )
    return folder


def _opened(folder: int, name: str) -> int:
    """A file descriptor to lock, of a file in the folder; a link there is not followed."""
    return os.open(name, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)
