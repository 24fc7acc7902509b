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
from asr.core.locks import dvc_tmp, is_held, lock_folder

DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it becomes ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _disk_full_error(path), _partial(path) as partial:
        partial.touch()
        mode = partial.stat().st_mode
        partial.unlink()
        yield partial
        _finish(partial, mode)
        _replace(partial, path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a fresh folder to fill; it becomes ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _disk_full_error(path), _partial(path) as partial:
        partial.mkdir()
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                _finish(file, partial.stat().st_mode)
        _replace(partial, path)


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """A temporary path for what becomes ``path``, removed at the end.

    The folder of an out may be a dep of another stage, and its hash must not hang on what a killed
    process left there. So outs are written in ``.dvc/tmp/partial``, and the next write removes the
    leftovers of dead processes. Paths outside of the working tree have their partial beside them.
    """
    if path.is_absolute() or path.is_relative_to(dvc_tmp()):
        partial = _beside(path)
        _remove(partial)
        try:
            yield partial
        finally:
            _remove(partial)
        return
    folders = dvc_tmp() / "partial"
    for leftover in folders.glob("*"):
        if not is_held(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
    folder = folders / f"{os.getpid()}-{hashlib.sha256(bytes(path)).hexdigest()[:12]}"
    # `is_held` of another process takes the lock for an instant.
    with lock_folder(folder, timeout_s=1.0) as locked:
        if not locked:
            raise InputError(f"{path}: another thread of this process is writing it")
        try:
            yield folder / path.name
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _replace(partial: Path, path: Path) -> None:
    """Rename ``partial`` to ``path``; if that is on another disk, copy first.

    ``path`` may be a mounted or linked ``data/``. An earlier folder there is lost only once the new
    one is complete on its disk.
    """
    old = partial.with_name(f"{partial.name}.old")
    try:
        if path.is_dir():  # a folder can't replace one that is not empty
            path.rename(old)
        partial.replace(path)
        _remove(old)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = _beside(path)
        try:
            shutil.move(partial, copy)
            if path.is_dir():
                _remove(path)
            copy.replace(path)
        finally:
            _remove(copy)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
