"""A download cache that all clones share; its key is the SHA-256, which each use checks."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from asr.core.errors import InputError
from asr.core.files import sha256_of


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
    cached = downloads_folder() / sha256 / name
    if cached.is_file() and sha256_of(cached) == sha256:
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    # A rename is atomic only within one file system, so the temporary folder is in the cache.
    folder = Path(tempfile.mkdtemp(dir=downloads_folder()))
    try:
        downloaded = fetch(folder)
        if (got := sha256_of(downloaded)) != sha256:
            raise InputError(f"{name}: expected SHA-256 {sha256}, got {got}")
        downloaded.replace(cached)
    finally:
        shutil.rmtree(folder)
    return cached
