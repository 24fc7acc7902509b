"""Rows of a long run as JSON Lines: appended and synced as they come, so that a killed run resumes.

Beside ``out.jsonl`` lies ``out.jsonl.run.json`` with the facts that all rows depend on: rows of two
models never mix.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from asr.core.errors import InputError, faults
from asr.core.files import read_json, write_json

RowSchema = TypeVar("RowSchema", bound=BaseModel)


class Journal(Generic[RowSchema]):
    """An open file of rows.

    Attributes:
        rows: those of earlier runs and of this one.
    """

    def __init__(self, path: Path, file: BinaryIO, rows: list[RowSchema]) -> None:
        self.rows = rows
        self._path, self._file = path, file

    def append(self, rows: Iterable[RowSchema]) -> None:
        """Write rows and wait until they are on the disk.

        Raises:
            InputError: if they can't be written. Rows of earlier calls stay whole.
        """
        new = list(rows)
        left = memoryview("".join(row.model_dump_json() + "\n" for row in new).encode())
        try:
            while left:  # the system may write a part
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InputError(f"{self._path}: can't be written: {error}") from error
        self.rows += new

    def remove(self) -> None:
        """Delete the file and its facts."""
        self._path.unlink()
        facts_of(self._path).unlink()


def facts_of(path: Path) -> Path:
    """The file with the facts that the rows of ``path`` depend on."""
    return path.with_name(f"{path.name}.run.json")


@contextmanager
def open_journal(
    path: Path, schema: type[RowSchema], facts: Mapping[str, Any]
) -> Iterator[Journal[RowSchema]]:
    """Open the rows of a run: those of an earlier one with equal facts, or none.

    A last line that a killed run left unfinished is cut off.

    Args:
        path: of the rows; its folder is created.
        schema: of a row.
        facts: JSON values that all rows depend on, by name.

    Raises:
        InputError: if another process has the file open, the earlier run had other facts, or a
            line but the last is damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{path}: another process is writing it") from error
        _check_facts(path, facts, is_new=file.seek(0, os.SEEK_END) == 0)
        yield Journal(path, file, _whole_rows(path, file, schema))


def _check_facts(path: Path, facts: Mapping[str, Any], *, is_new: bool) -> None:
    known = facts_of(path)
    if is_new:
        write_json(known, facts)
        return
    if not known.is_file():
        raise InputError(f"{path}: expected a new file or one with {known.name} beside it")
    then = read_json(known)
    if not isinstance(then, dict):
        raise InputError(f"{known}: expected an object, got {then!r:.80}")
    for name in sorted(then.keys() | facts.keys()):
        if then.get(name) != facts.get(name):
            raise InputError(
                f"{path}: {name}: expected {then.get(name)!r:.200} as in the run that began this "
                f"file, got {facts.get(name)!r:.200}; take another file, or remove this one"
            )


def _whole_rows(path: Path, file: BinaryIO, schema: type[RowSchema]) -> list[RowSchema]:
    """Read the rows, and cut off the last line if it is not whole."""
    content = path.read_bytes()
    rows, start = [], 0
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        try:
            if not line.endswith(b"\n"):
                break
            rows.append(schema.model_validate_json(line))
        except ValidationError as error:
            # A power cut may leave zeros where the last line was to be.
            if start + len(line) < len(content):
                raise InputError(f"{path}:{number}: {faults(error)[0]}") from error
            break
        start += len(line)
    if start < len(content):
        file.truncate(start)
    return rows
