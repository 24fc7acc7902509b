"""What the last run of prepare heard in a corpus, so that the next one decodes only what is new.

DVC knows a stage's outs as a whole: one clip more and all are made again. Here lie the pieces. In
``.dvc/tmp/prepare/<corpus>`` there is an index, a SQLite file, with each recording's outcomes under
a hash of everything that determines them: its bytes, what the source says of it, the params, and
the code (``asr/code_version.py``). Beside it lie the shards that were written, as hard links that
take no room. A shard in which nothing changed is linked back, without being read by more than its
checksum. It holds one run a corpus, the last whole one, so it grows no more than the corpus.

Nothing is believed unchecked: a line of the index has a checksum, a shard the SHA-256 of its file.
What fails the check is decoded again. A killed run changes nothing: the index is written beside its
place and renamed, after the shards it names.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from asr.code_version import code_version
from asr.dvc_tmp import dvc_tmp
from asr.errors import InputError
from asr.files import sha256_of
from asr.judging import Failed, Outcome, Passed, Place
from asr.raw import Recording
from asr.rejects import Reason
from asr.schemas.prepare import Params
from asr.shards import ShardAudio

INDEX = "index.sqlite"
# What a run needs besides outcomes; they don't change what is heard.
_NOT_HEARD = {"max_rejected_share", "max_utterances", "shard_mb"}
_TABLES = """
CREATE TABLE recordings (key BLOB, outcomes TEXT, checksum BLOB);
CREATE TABLE samples (sha256 BLOB, shard TEXT, row INT, size INT, checksum BLOB);
CREATE TABLE shards (name TEXT, sha256 TEXT);
"""
_LOOKUPS = """
CREATE INDEX recording ON recordings (key);
CREATE INDEX sample ON samples (sha256);
"""


@contextmanager
def last_run(folder: Path, params: Params) -> Iterator["LastRun"]:
    """What lies in ``folder``, held by this process alone.

    Where another process holds it, such as an experiment beside this one, nothing is known and
    nothing is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield LastRun(None, params)
            return
        run = LastRun(folder, params)
        try:
            yield run
        finally:
            run.close()


def default_folder(corpus: str) -> Path:
    """Where a corpus's last run lies: in the repository, but outside of what Git and DVC own."""
    return dvc_tmp() / "prepare" / corpus


class LastRun:
    """See above; the methods that ask, and those that tell the next run."""

    def __init__(self, folder: Path | None, params: Params) -> None:
        self._folder = folder
        heard_with = params.model_dump_json(exclude=_NOT_HEARD)
        self._version = f"{code_version('asr.judging')} {heard_with}".encode()
        self._writer = code_version("asr.shards").encode()
        self._old: sqlite3.Connection | None = None
        self._new: sqlite3.Connection | None = None
        self._sha256s: dict[str, str | None] = {}  # by shard: of its file, None if it is not whole
        self._audio: tuple[str, ShardAudio] | None = None
        self._keys: dict[str, bytes] = {}  # by name: of recordings on their way
        if folder:
            if (folder / INDEX).is_file():
                self._old = sqlite3.connect(f"file:{folder / INDEX}?mode=ro", uri=True)
            (folder / f".{INDEX}.partial").unlink(missing_ok=True)
            self._new = sqlite3.connect(folder / f".{INDEX}.partial", isolation_level=None)
            # It is renamed when whole: a journal would guard what a kill may as well take.
            self._new.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _TABLES)
            self._new.execute("BEGIN")

    def outcomes(self, recording: Recording) -> list[Outcome] | None:
        """What was heard in a recording, samples by their place; None if that is not known."""
        key = self._key(recording)
        self._keys[recording.name] = key
        for text, checksum in self._ask("recordings", "outcomes, checksum", "key", key):
            if checksum == _checksum(key, text):
                outcomes = [self._outcome(kind, values) for kind, values in json.loads(text)]
                if all(outcomes):
                    return [outcome for outcome in outcomes if outcome]
        return None

    def samples(self, place: Place) -> bytes:
        """Int16 samples that lie in a shard of the last run."""
        if not self._audio or self._audio[0] != place.shard:
            self._audio = place.shard, ShardAudio(self._path(place.shard))
        return self._audio[1][place.row]

    def shard(self, name: str) -> Path | None:
        """The shard of this name, if it is there and whole."""
        if not self._folder:
            return None
        if name not in self._sha256s:
            path = self._path(name)
            got = sha256_of(path) if path.is_file() else None
            whole = self._ask("shards", "sha256", "name", name) == [(got,)]
            self._sha256s[name] = got if whole else None
        return self._path(name) if self._sha256s[name] else None

    def shard_of(self, rows: Iterable[bytes]) -> str:
        """The name of the shard that has these rows, audio by its hash, and no others."""
        digest = hashlib.sha256(self._writer)
        for row in rows:
            digest.update(len(row).to_bytes(8, "big") + row)
        return digest.hexdigest()

    def keep(self, recording: Recording, outcomes: list[Outcome]) -> None:
        """Tell the next run what was heard in a recording."""
        key = self._keys.pop(recording.name, b"") or self._key(recording)
        told: list[tuple[str, dict[str, Any]]] = []
        for outcome in outcomes:
            values = {f.name: getattr(outcome, f.name) for f in fields(outcome)}
            values.pop("samples", None)
            told.append((type(outcome).__name__, values))
        text = json.dumps(told, ensure_ascii=False)
        if self._new:
            row = key, text, _checksum(key, text)
            self._new.execute("INSERT INTO recordings VALUES (?, ?, ?)", row)

    def keep_shard(self, name: str, path: Path, rows: Iterable[tuple[bytes, int]]) -> None:
        """Tell the next run of a shard.

        Args:
            name: of ``shard_of``.
            path: where it was written.
            rows: each row's hash of samples, and their size in bytes.
        """
        if not (self._new and self._folder):
            return
        kept = self._path(name)
        if not self.shard(name):
            kept.unlink(missing_ok=True)
            link_or_copy(path, kept)
        places = [(sha256, name, row, size) for row, (sha256, size) in enumerate(rows)]
        self._new.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?)",
            [(*place, _checksum(*place)) for place in places],
        )
        sha256 = self._sha256s[name] or sha256_of(path)
        self._new.execute("INSERT INTO shards VALUES (?, ?)", (name, sha256))

    def done(self) -> None:
        """The next run may believe all that it was told; what this one did not use is removed."""
        if not (self._new and self._folder):
            return
        shards = {f"{name}.parquet" for (name,) in self._new.execute("SELECT name FROM shards")}
        self._new.execute("COMMIT")
        self._new.executescript(_LOOKUPS)
        self.close()
        partial = self._folder / f".{INDEX}.partial"
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(self._folder / INDEX)
        for path in self._folder.glob("*.parquet"):
            if path.name not in shards:
                path.unlink()

    def close(self) -> None:
        """Let go of the files."""
        for connection in (self._old, self._new):
            if connection:
                connection.close()
        self._old = self._new = None

    def _outcome(self, kind: str, values: dict[str, Any]) -> Outcome | None:
        if kind == Failed.__name__:
            return Failed(**values | {"reason": Reason(values["reason"])})
        sha256 = bytes.fromhex(values["sha256"])
        columns = "sha256, shard, row, size, checksum"
        for *place, checksum in self._ask("samples", columns, "sha256", sha256):
            if checksum == _checksum(*place) and self.shard(place[1]):
                return Passed(**values, samples=Place(*place[1:]))
        return None

    def _ask(self, table: str, columns: str, key: str, value: bytes | str) -> list[tuple[Any, ...]]:
        if not self._old:
            return []
        try:
            query = f"SELECT {columns} FROM {table} WHERE {key} = ?"
            return self._old.execute(query, (value,)).fetchall()
        except sqlite3.DatabaseError as error:
            print(
                f"{self._folder}/{INDEX}: {error}; what it holds is decoded anew", file=sys.stderr
            )
            self._old.close()
            self._old = None
            return []

    def _key(self, recording: Recording) -> bytes:
        digest = hashlib.sha256(self._version)
        said = [getattr(recording, f.name) for f in fields(recording) if f.name != "audio"]
        digest.update(repr(said).encode())
        digest.update(hashlib.sha256(recording.audio).digest())
        return digest.digest()

    def _path(self, name: str) -> Path:
        if not self._folder:
            raise InputError(f"{name}: no last run is held")
        return self._folder / f"{name}.parquet"


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; a copy where the file system can't, or is another."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _checksum(*values: object) -> bytes:
    return hashlib.blake2b(repr(values).encode(), digest_size=8).digest()
