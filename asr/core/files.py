"""Atomic writes: a file or folder is written under a temporary name, then renamed."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asr.core.errors import InputError

DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it becomes ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with _disk_full_error(path):
            partial.touch()
            mode = partial.stat().st_mode
            partial.unlink()
            yield partial
            _finish(partial, mode)
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a fresh folder to fill; it becomes ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        with _disk_full_error(path):
            yield partial
            for file in partial.rglob("*"):
                if file.is_file():
                    _finish(file, partial.stat().st_mode)
            # A folder can't replace one that is not empty. DVC removes a stage's outs before it
            # runs, so this removes only what an earlier run by hand left.
            shutil.rmtree(path, ignore_errors=True)
            partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _disk_full_error(path: Path) -> Iterator[None]:
    """Add ``path`` to the error of a full disk; the system's error names no file."""
    try:
        yield
    except Exception as error:
        # Compare messages: safetensors and Arrow wrap the system's error in one of their own.
        if any(os.strerror(code) in str(error) for code in DISK_IS_FULL):
            raise InputError(f"{path}: can't be written: {error}") from error
        raise


def _finish(path: Path, mode: int) -> None:
    """Sync ``path`` to disk, so that after a crash the renamed file is never empty.

    Also add the read permissions of ``mode``: safetensors 0.8 leaves files with 0600 under any
    umask. Not those to write, because a file may be a link to DVC's cache.
    """
    path.chmod(path.stat().st_mode | mode & 0o444)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON: sorted keys, an indent of two spaces, a newline at the end."""
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    with atomic_file(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        InputError: if the file is no JSON, with its path.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: expected JSON, got {error}") from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(facts: Mapping[str, Any], files: Iterable[Path]) -> str:
    """A hash of ``facts`` and of the paths and bytes of ``files``: 20 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for file in sorted(files):
        digest.update(f"{file} {sha256_of(file)}\n".encode())
    return digest.hexdigest()[:20]
