"""A cache of computed results, found by the hash of their inputs: one SQLite file a corpus.

DVC stores a stage's outs as a whole: after one new clip, the stage computes all clips again. So
`prepare` stores the result of each recording here, and `audit` that of each batch, outside of Git
and DVC's outs. Each result is a transaction of its own, so a killed run resumes. ``prune`` deletes
results that a finished run did not use, so the file grows no more than the corpus.

Each row has the SHA-256 of its key and result, and a row that fails the check counts as missing. A
file that SQLite finds damaged is replaced by an empty one, and so is one of another version, whose
table has other columns.
"""

import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.locks import lock_folder

FILE = "results.sqlite"
COLUMNS = ["key", "result", "sha256"]


@contextmanager
def result_cache(folder: Path) -> Iterator["ResultCache"]:
    """Create and lock ``folder`` and open its cache; empty if another process has the lock.

    Raises:
        InputError: from ``put``, if the disk is full.
    """
    with lock_folder(folder) as locked:
        cache = ResultCache(folder / FILE if locked else None)
        try:
            yield cache
        finally:
            cache.close()


class ResultCache:
    """Results by their inputs; both are JSON values."""

    def __init__(self, path: Path | None) -> None:
        """Open the file; without a path, ``get`` finds nothing and ``put`` stores nothing."""
        self._path = path
        self._rows = _open(path) if path else None
        self._used: set[int] = set()  # row ids

    @property
    def is_open(self) -> bool:
        """Whether results are found and stored."""
        return self._rows is not None

    def get(self, inputs: Any) -> Any | None:
        """The result that was computed from ``inputs``, None if there is none."""
        if not self._rows:
            return None
        key = _key(inputs)
        query = "SELECT rowid, result, sha256 FROM results WHERE key = ?"
        row, result, sha256 = self._rows.execute(query, (key,)).fetchone() or (0, "", b"")
        if sha256 != _sha256(key, result):
            return None
        self._used.add(row)
        return json.loads(result)

    def put(self, inputs: Any, result: Any) -> None:
        """Store the result that was computed from ``inputs``.

        Raises:
            InputError: if the disk is full.
        """
        if not self._rows:
            return
        key, text = _key(inputs), json.dumps(result, ensure_ascii=False)
        row = key, text, _sha256(key, text)
        try:
            written = self._rows.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", row)
        except sqlite3.OperationalError as error:
            raise InputError(f"{self._path}: can't be written: {error}") from error
        self._used.add(written.lastrowid or 0)

    def drop(self, inputs: Any) -> None:
        """Delete one result, if it is there."""
        if self._rows:
            self._rows.execute("DELETE FROM results WHERE key = ?", (_key(inputs),))

    def prune(self) -> None:
        """Delete every result that this object neither found nor stored."""
        if not self._rows:
            return
        rows = [row for (row,) in self._rows.execute("SELECT rowid FROM results")]
        unused = ((row,) for row in rows if row not in self._used)
        self._rows.execute("BEGIN")
        self._rows.executemany("DELETE FROM results WHERE rowid = ?", unused)
        self._rows.execute("COMMIT")

    def close(self) -> None:
        """Close the file; ``get`` then finds nothing."""
        if self._rows:
            self._rows.close()
        self._rows = None


NO_CACHE = ResultCache(None)


def _open(path: Path) -> sqlite3.Connection:
    rows = _connect(path)
    if not _is_whole(rows):
        rows.close()
        print(
            f"{path}: damaged, or of another version; its results are computed again",
            file=sys.stderr,
        )
        for file in path.parent.glob(f"{path.name}*"):  # also the journal of a killed run
            file.unlink()
        rows = _connect(path)
    # SQLite need not wait for the disk: a power cut may damage the file, but the checks find that.
    # With a write-ahead log a commit takes 27 µs instead of 108 (rows of 600 bytes).
    rows.execute("PRAGMA synchronous=OFF")
    rows.execute("PRAGMA secure_delete=ON")  # transcripts of withdrawn people are overwritten
    rows.execute("PRAGMA journal_mode=WAL")
    rows.execute("CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, result TEXT, sha256)")
    return rows


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)  # each statement is a transaction


def _is_whole(rows: sqlite3.Connection) -> bool:
    try:
        columns = [row[1] for row in rows.execute("PRAGMA table_info(results)")]
        return columns in ([], COLUMNS) and bool(
            rows.execute("PRAGMA quick_check").fetchone() == ("ok",)
        )
    except sqlite3.DatabaseError:
        return False


def _key(inputs: Any) -> bytes:
    text = json.dumps(inputs, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).digest()


def _sha256(key: bytes, result: str) -> bytes:
    return hashlib.sha256(key + result.encode()).digest()
