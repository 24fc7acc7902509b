"""A download cache that all clones share; its key is the SHA-256, which each use checks."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.core.locks import lock_folder

LOCK_TIMEOUT_S = 5.0  # another process locks the folder for an instant, to see whether it is free


def downloads_folder() -> Path:
    """Return the cache folder. It is outside the repository, so clones and experiments share it."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "mothertongue" / "downloads"


def download(name: str, sha256: str, fetch: Callable[[Path], Path]) -> Path:
    """Return the path of a file in the cache; download it if it is missing or damaged.

    Args:
        name: the file's name in the cache and in messages.
        sha256: expected hash of the whole file, in hexadecimal.
        fetch: downloads into the folder that it is given and returns the file's path. Its own
            ``InputError`` or ``OSError`` passes through.

    Raises:
        InputError: if the download has another hash; the message holds both.
    """
    remove_leftovers()
    cached = downloads_folder() / sha256 / name
    if cached.is_file() and sha256_of(cached) == sha256:
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    with _partial_folder() as folder:
        downloaded = fetch(folder)
        if (got := sha256_of(downloaded)) != sha256:
            raise InputError(f"{name}: expected SHA-256 {sha256}, got {got}")
        downloaded.replace(cached)
    return cached


def _partials() -> Path:
    # A rename is atomic only within one file system, so the temporary folders are in the cache.
    return downloads_folder() / "partial"


@contextmanager
def _partial_folder() -> Iterator[Path]:
    """Yield a fresh folder for a download; the lock beside it tells that its process lives."""
    place = _partials() / f"{os.getpid()}-{threading.get_ident()}"
    with lock_folder(place, LOCK_TIMEOUT_S) as held:
        if not held:
            raise InputError(f"{place}: expected a free folder, got one of another process")
        folder = place / "files"
        shutil.rmtree(folder, ignore_errors=True)  # of a dead process with the same number
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(place, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove the folders of downloads whose process was killed."""
    for leftover in _partials().glob("*"):
        with lock_folder(leftover) as held:
            if held:
                shutil.rmtree(leftover, ignore_errors=True)
