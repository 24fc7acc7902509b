"""What the last run of prepare heard in a corpus, so that the next one decodes only what is new.

DVC knows a stage's outs as a whole: one clip more and all are made again. Here lie the pieces. In
``.dvc/tmp/prepare/<corpus>`` there is an index, a SQLite file, with each recording's outcomes under
a hash of everything that determines them: its bytes, what the source says of it, the params, and
the code (``asr/core/closure.py``). Beside it lie the shards that were written, as hard links that
take no room. A shard in which nothing changed is linked back, without being read. It holds one run
a corpus, the last whole one, so it grows no more than the corpus.

Nothing is believed unchecked: the index is named by the SHA-256 of its file, and lists that of each
shard. As DVC does, it takes a shard for unchanged whose size, inode and time of change are those
that it had when it was hashed; another is hashed again. What fails the check is decoded again. A
killed run changes nothing: the index is written beside its place and renamed, after the shards it
names.
"""

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

from pydantic_core import from_json

from asr.core.closure import code_version
from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.core.locks import LOCK, alone, dvc_tmp
from asr.corpora.recording import Recording, sha256_of_audio
from asr.preparation.params import PrepareParams
from asr.preparation.rejects import Reason
from asr.preparation.screening import Failed, Kept, Outcome, Passed
from asr.utterances.shards import ShardAudio

# What a run needs besides outcomes; they don't change what is heard.
_NOT_HEARD = {"max_rejected_share", "max_utterances", "shard_mb"}
_SAID = [field.name for field in fields(Recording) if field.name != "audio"]
_TOLD = {
    kind: [field.name for field in fields(kind) if field.name != "samples"]
    for kind in (Passed, Failed)
}
_PARTIAL = ".index.partial"
# Homeless are samples that passed and lie in no shard, since another sentence contradicts theirs.
_TABLES = """
CREATE TABLE recordings (key BLOB, outcomes TEXT);
CREATE TABLE samples (sha256 BLOB, shard TEXT, row INT);
CREATE TABLE homeless (sha256 BLOB);
CREATE TABLE shards (name TEXT, sha256 TEXT, size INT, inode INT, mtime_ns INT);
"""
_LOOKUPS = """
CREATE INDEX recording ON recordings (key);
CREATE INDEX sample ON samples (sha256);
"""


@contextmanager
def last_run(folder: Path, params: PrepareParams) -> Iterator["LastRun"]:
    """What lies in ``folder``, for this process alone.

    Where another has it, nothing is known and nothing is kept.
    """
    with alone(folder) as held:
        run = LastRun(folder if held else None, params)
        try:
            yield run
        finally:
            run.close()


def default_folder(corpus: str) -> Path:
    """Where a corpus's last run lies: in the repository, but outside of what Git and DVC own."""
    return dvc_tmp() / "prepare" / corpus


class LastRun:
    """See above; the methods that ask, and those that tell the next run."""

    def __init__(self, folder: Path | None, params: PrepareParams) -> None:
        self._folder = folder
        heard_with = params.model_dump_json(exclude=_NOT_HEARD)
        self._version = f"{code_version('asr.preparation.screening')} {heard_with}".encode()
        self._writer = code_version("asr.utterances.shards").encode()
        self._old: sqlite3.Connection | None = None
        self._new: sqlite3.Connection | None = None
        self._sha256s: dict[str, str] = {}  # of the files of whole shards, by name
        self._lost: set[bytes] = set()  # samples that were heard, and are in no whole shard
        self._in_order: Iterator[tuple[bytes, str]] = iter(())
        self._ahead: tuple[bytes, str] | None = None  # the next of it
        self._audio: tuple[str, ShardAudio] | None = None
        # By name, of recordings on their way: key, and what the index says of it
        self._asked: dict[str, tuple[bytes, str | None]] = {}
        if folder:
            if path := _whole_index(folder):
                self._old = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
                self._check_shards(folder, self._old)
            (folder / _PARTIAL).unlink(missing_ok=True)
            self._new = sqlite3.connect(folder / _PARTIAL, isolation_level=None)
            # It is renamed when whole: a journal would guard what a kill may as well take.
            self._new.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _TABLES)
            self._new.execute("BEGIN")

    def outcomes(self, recording: Recording) -> list[Outcome] | None:
        """What was heard in a recording, samples by their size; None if that is not known."""
        key = self._key(recording)
        text = self._told(key)
        outcomes = [_outcome(*told) for told in from_json(text)] if text else None
        if outcomes and self._lost and any(map(self._is_lost, outcomes)):
            outcomes = None
        self._asked[recording.name] = key, text if outcomes else None
        return outcomes

    def samples(self, sha256: bytes) -> bytes:
        """Int16 samples that lie in a shard of the last run, by their hash."""
        if not self._old:
            raise InputError(f"{sha256.hex()}: no last run is held")
        query = "SELECT shard, row FROM samples WHERE sha256 = ?"
        shard, row = self._old.execute(query, (sha256,)).fetchone()
        if not self._audio or self._audio[0] != shard:
            self._audio = shard, ShardAudio(self._path(shard))
        return self._audio[1][row]

    def shard(self, name: str) -> Path | None:
        """The shard of this name, if it is there and whole."""
        return self._path(name) if name in self._sha256s else None

    def shard_of(self, rows: Iterable[bytes]) -> str:
        """The name of the shard that has these rows, audio by its hash, and no others."""
        digest = hashlib.sha256(self._writer)
        for row in rows:
            digest.update(len(row).to_bytes(8, "big") + row)
        return digest.hexdigest()

    def keep(self, recording: Recording, outcomes: list[Outcome]) -> None:
        """Tell the next run what was heard in a recording."""
        key, text = self._asked.pop(recording.name, (b"", None))
        if self._new:
            text = text or json.dumps(list(map(_told, outcomes)), ensure_ascii=False)
            row = key or self._key(recording), text
            self._new.execute("INSERT INTO recordings VALUES (?, ?)", row)

    def keep_shard(self, name: str, path: Path, rows: Iterable[bytes]) -> None:
        """Tell the next run of a shard.

        Args:
            name: of ``shard_of``.
            path: where it was written.
            rows: each row's hash of samples.
        """
        if not (self._new and self._folder):
            return
        kept = self._path(name)
        if name not in self._sha256s:
            kept.unlink(missing_ok=True)
            link_or_copy(path, kept)
        places = [(sha256, name, row) for row, sha256 in enumerate(rows)]
        self._new.executemany("INSERT INTO samples VALUES (?, ?, ?)", places)
        shard = name, self._sha256s.get(name) or sha256_of(kept), *_stamp(kept)
        self._new.execute("INSERT INTO shards VALUES (?, ?, ?, ?, ?)", shard)

    def done(self, homeless: Iterable[bytes]) -> None:
        """The next run may believe all that it was told; what this one did not use is removed.

        Args:
            homeless: hashes of samples that passed and are in no shard.
        """
        if not (self._new and self._folder):
            return
        rows = ((sha256,) for sha256 in homeless)
        self._new.executemany("INSERT INTO homeless VALUES (?)", rows)
        used = {f"{name}.parquet" for (name,) in self._new.execute("SELECT name FROM shards")}
        self._new.execute("COMMIT")
        self._new.executescript(_LOOKUPS)
        self.close()
        partial = self._folder / _PARTIAL
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        index = partial.replace(self._folder / f"{sha256_of(partial)}.sqlite")
        for path in self._folder.iterdir():
            if path.name not in used | {index.name, LOCK}:
                path.unlink()

    def close(self) -> None:
        """Let go of the files."""
        for connection in (self._old, self._new):
            if connection:
                connection.close()
        self._old = self._new = None

    def _check_shards(self, folder: Path, index: sqlite3.Connection) -> None:
        for name, sha256, *stamp in index.execute("SELECT * FROM shards"):
            path = self._path(name)
            if path.is_file() and (_stamp(path) == tuple(stamp) or sha256_of(path) == sha256):
                self._sha256s[name] = sha256
        self._lost.update(sha256 for (sha256,) in index.execute("SELECT sha256 FROM homeless"))
        for (name,) in index.execute("SELECT name FROM shards"):
            if name not in self._sha256s:
                query = "SELECT sha256 FROM samples WHERE shard = ?"
                self._lost.update(sha256 for (sha256,) in index.execute(query, (name,)))

    def _is_lost(self, outcome: Outcome) -> bool:
        return isinstance(outcome, Passed) and bytes.fromhex(outcome.sha256) in self._lost

    def _told(self, key: bytes) -> str | None:
        """What the index says under a key. Most come in its order: a lookup takes longer."""
        if not self._old:
            return None
        if self._ahead is None or self._ahead[0] != key:
            query = "SELECT rowid FROM recordings WHERE key = ?"
            if not (found := self._old.execute(query, (key,)).fetchone()):
                return None
            query = "SELECT key, outcomes FROM recordings WHERE rowid >= ? ORDER BY rowid"
            self._in_order = self._old.execute(query, found)
            self._ahead = next(self._in_order)
        text = self._ahead[1]
        self._ahead = next(self._in_order, None)
        return text

    def _key(self, recording: Recording) -> bytes:
        digest = hashlib.sha256(self._version)
        digest.update(repr([getattr(recording, name) for name in _SAID]).encode())
        digest.update(sha256_of_audio(recording.audio))
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


def _whole_index(folder: Path) -> Path | None:
    """The index; where a kill left two, either will do."""
    for path in folder.glob("*.sqlite"):
        if sha256_of(path) == path.stem:
            return path
        print(f"{path}: damaged; what it holds is decoded anew", file=sys.stderr)
    return None


def _stamp(path: Path) -> tuple[int, int, int]:
    """What tells an unchanged file without reading it."""
    stat = path.stat()
    return stat.st_size, stat.st_ino, stat.st_mtime_ns


def _told(outcome: Outcome) -> tuple[dict[str, Any], int | None]:
    """An outcome for JSON: what it says, and the size of its samples if it passed."""
    values = {name: getattr(outcome, name) for name in _TOLD[type(outcome)]}
    if isinstance(outcome, Failed):
        return values, None
    samples = outcome.samples
    return values, samples.size if isinstance(samples, Kept) else len(samples)


def _outcome(values: dict[str, Any], size: int | None) -> Outcome:
    if size is None:
        return Failed(**values | {"reason": Reason(values["reason"])})
    return Passed(**values, samples=Kept(size))
