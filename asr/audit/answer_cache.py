"""Answers that took long, kept until the next run asks the same.

DVC knows a stage's outs as a whole: one clip more and all are made again. Here lie the pieces, in a
SQLite file outside of what Git and DVC own, each under a hash of all that it hangs on. One is kept
as soon as it is there, so that a killed run goes on where it was; what a whole run did not ask for
is dropped, so that the file grows no more than the corpus.

Nothing is believed unchecked: each answer carries the hash of its question and itself.
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
from asr.core.locks import alone

FILE = "answers.sqlite"


@contextmanager
def remembered(folder: Path, version: str) -> Iterator["Remembered"]:
    """What lies in ``folder``, for this process alone; where another has it, nothing is known.

    Args:
        folder: made if it isn't there.
        version: of whoever answers; another one's answers are others.
    """
    with alone(folder) as held:
        answers = Remembered(folder / FILE if held else None, version)
        try:
            yield answers
        finally:
            answers.close()


class Remembered:
    """Answers by question; both are what JSON can hold."""

    def __init__(self, path: Path | None, version: str) -> None:
        """Without a path nothing is known and nothing kept."""
        self._path, self._version = path, version
        self._asked: set[bytes] = set()
        self._answers = _open(path) if path else None

    def recall(self, question: Any) -> Any | None:
        """The answer to a question, None if it is not known."""
        if not self._answers:
            return None
        key = self._key(question)
        query = "SELECT answer, sha256 FROM answers WHERE key = ?"
        answer, sha256 = self._answers.execute(query, (key,)).fetchone() or ("", b"")
        if sha256 != _sha256(key, answer):
            return None
        self._asked.add(key)
        return json.loads(answer)

    def keep(self, question: Any, answer: Any) -> None:
        """Remember an answer.

        Raises:
            InputError: if it can't be written: the disk is full.
        """
        if not self._answers:
            return
        key, text = self._key(question), json.dumps(answer, ensure_ascii=False)
        self._asked.add(key)
        row = key, text, _sha256(key, text)
        try:
            self._answers.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)
        except sqlite3.OperationalError as error:
            raise InputError(f"{self._path}: can't be written: {error}") from error

    def forget_others(self) -> None:
        """Drop what was neither recalled nor kept by this object."""
        if not self._answers:
            return
        keys = [key for (key,) in self._answers.execute("SELECT key FROM answers")]
        others = ((key,) for key in keys if key not in self._asked)
        self._answers.execute("BEGIN")
        self._answers.executemany("DELETE FROM answers WHERE key = ?", others)
        self._answers.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        if self._answers:
            self._answers.close()
        self._answers = None

    def _key(self, question: Any) -> bytes:
        asked = json.dumps([self._version, question], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(asked.encode()).digest()


NOTHING = Remembered(None, "")  # knows nothing and keeps nothing


def _open(path: Path) -> sqlite3.Connection:
    """A file that is no whole database is replaced by an empty one."""
    answers = _connect(path)
    if not _is_whole(answers):
        answers.close()
        print(f"{path}: damaged; what it holds is asked anew", file=sys.stderr)
        for file in path.parent.glob(f"{path.name}*"):  # and what a kill left to be undone in it
            file.unlink()
        answers = _connect(path)
    # Not waiting for the disk: what a power cut damages is noticed, and asked anew.
    answers.execute("PRAGMA synchronous=OFF")
    answers.execute(
        "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer TEXT, sha256 BLOB)"
    )
    return answers


def _connect(path: Path) -> sqlite3.Connection:
    # Each answer is committed by itself: a kill takes at most the one that was being written.
    return sqlite3.connect(path, isolation_level=None)


def _is_whole(answers: sqlite3.Connection) -> bool:
    try:
        return bool(answers.execute("PRAGMA quick_check").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def _sha256(key: bytes, answer: str) -> bytes:
    return hashlib.sha256(key + answer.encode()).digest()
