"""Downloads: brought once a machine, known by their SHA-256, checked at every use."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from asr.core.errors import InputError
from asr.core.files import sha256_of


def downloads_folder() -> Path:
    """Where downloads are kept: outside the repository, for every clone and experiment."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "mothertongue" / "downloads"


def download(name: str, sha256: str, bring: Callable[[Path], Path]) -> Path:
    """Return a file with the SHA-256 asked for, bringing it only if it is not here yet.

    Args:
        name: what messages call it, and part of its file name.
        sha256: of the whole file, in hexadecimal.
        bring: downloads into the folder it is given and returns the file's path; it raises
            ``InputError`` or ``OSError`` with a message of its own where it can't.

    Raises:
        InputError: if what came has another hash; the message holds both.
    """
    kept = downloads_folder() / sha256 / name
    if kept.is_file() and sha256_of(kept) == sha256:
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    # On the same file system as its place, so that the rename at the end is atomic.
    folder = Path(tempfile.mkdtemp(dir=downloads_folder()))
    try:
        brought = bring(folder)
        if (got := sha256_of(brought)) != sha256:
            raise InputError(f"{name}: expected SHA-256 {sha256}, got {got}")
        brought.replace(kept)
    finally:
        shutil.rmtree(folder)
    return kept
