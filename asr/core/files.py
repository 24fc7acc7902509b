"""Files that are whole or not there: written beside their place, then renamed into it."""

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
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it becomes ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with _naming(path):
            beside.touch()
            mode = beside.stat().st_mode
            beside.unlink()
            yield beside
            _finish(beside, mode)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a fresh folder to fill; it becomes ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        with _naming(path):
            yield beside
            for file in beside.rglob("*"):
                if file.is_file():
                    _finish(file, beside.stat().st_mode)
            # A folder can't be renamed over a full one. DVC removes a stage's outs before it runs,
            # so there is nothing to lose but what an earlier run by hand left.
            shutil.rmtree(path, ignore_errors=True)
            beside.replace(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say what was being written when the disk is full; the system's error names no file."""
    try:
        yield
    except Exception as error:
        # By its words: safetensors and Arrow wrap the system's error in one of their own.
        if any(os.strerror(code) in str(error) for code in DISK_IS_FULL):
            raise InputError(f"{path}: can't be written: {error}") from error
        raise


def _finish(path: Path, mode: int) -> None:
    """Force ``path``'s bytes to disk, so that a rename never outlives the content it names.

    And give it the right to be read that is in ``mode``: safetensors 0.8 leaves files with 0600,
    whatever the umask. No right to write, since a file may be a link to DVC's cache.
    """
    path.chmod(path.stat().st_mode | mode & 0o444)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` for people and ``git diff``: sorted keys, two spaces, a closing newline."""
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    with whole_file(path) as beside:
        beside.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON; a damaged file is an ``InputError`` that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: expected JSON, got {error}") from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(facts: Mapping[str, Any], files: Iterable[Path]) -> str:
    """A key that is equal only if ``facts`` and the bytes of all ``files`` are."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for file in sorted(files):
        digest.update(f"{file} {sha256_of(file)}\n".encode())
    return digest.hexdigest()[:20]
