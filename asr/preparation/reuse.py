"""The cache of `prepare`: a later run decodes only the recordings that are new or changed.

In ``.dvc/tmp/prepare/<corpus>`` lie the outcomes of each recording (``asr/core/result_cache.py``)
and, as hard links that take no room, the shards that the last run wrote. Shards of the cache's own
have clips that passed and are in none of those. An outcome is stored under a hash of all that
determines it: the recording's bytes, what the source says of it, the params and the code
(``asr/core/closure.py``). Samples are read from the shards; an outcome whose samples are in none of
them counts as missing. A shard whose rows are the same is linked, without being read.

A shard counts as unchanged if its size, inode and time of change are those that it had when it was
hashed, as with DVC; otherwise it is hashed again, and not used if the hash differs.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from asr.core.closure import code_version
from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.core.locks import dvc_tmp
from asr.core.result_cache import ResultCache, result_cache
from asr.corpora.recording import Recording, sha256_of_audio
from asr.preparation.params import PrepareParams
from asr.preparation.rejects import Reason
from asr.preparation.screening import Failed, Outcome, Passed, StoredSamples
from asr.utterances.shards import ShardAudio, read_sha256s, write_shard
from asr.utterances.utterance import Utterance

# Params of the whole run, which change no outcome.
_NOT_OF_OUTCOMES = {"max_rejected_share", "max_utterances", "shard_mb"}
_SOURCE_FIELDS = [field.name for field in fields(Recording) if field.name != "audio"]
_OUTCOME_FIELDS = {
    kind: [field.name for field in fields(kind) if field.name != "samples"]
    for kind in (Passed, Failed)
}


@contextmanager
def preparation_cache(folder: Path, params: PrepareParams) -> Iterator["PreparationCache"]:
    """The cache in ``folder``, locked; empty while another process has the lock."""
    with result_cache(folder) as results:
        yield PreparationCache(folder, results, params)


def default_folder(corpus: str) -> Path:
    """A corpus's cache: in the repository, but outside of what Git and DVC own."""
    return dvc_tmp() / "prepare" / corpus


class PreparationCache:
    """Outcomes by recording, and shards by their rows."""

    def __init__(self, folder: Path, results: ResultCache, params: PrepareParams) -> None:
        self._folder, self._results = folder, results
        chosen = params.model_dump_json(exclude=_NOT_OF_OUTCOMES)
        self._version = f"{code_version('asr.preparation.screening')} {chosen}".encode()
        self._writer = code_version("asr.utterances.shards").encode()
        self._missing: dict[str, str] = {}  # key by name of recordings without a stored outcome
        self._used: set[str] = set()  # names of shards that stay after this run
        self.read_shards()

    def read_shards(self) -> None:
        """Find the samples of all stored shards, those that this run has stored too."""
        paths = sorted(self._folder.glob("*.parquet"))
        self._shards = [path for path in paths if self._is_whole(path)]
        self._samples = SampleIndex(self._shards)
        self._open: tuple[int, ShardAudio] | None = None

    def outcomes(self, recording: Recording) -> list[Outcome] | None:
        """The stored outcomes of a recording, with samples by their size; None if there are none.

        Also None if the samples of one of them are in no shard.
        """
        key = self._key(recording)
        rows = self._results.get(key)
        outcomes = [_outcome(*row) for row in rows] if rows else None
        if not outcomes or any(map(self._lacks_samples, outcomes)):
            self._missing[recording.name] = key
            return None
        return outcomes

    def samples(self, sha256: bytes) -> bytes:
        """Samples by their SHA-256, int16: those of a stored outcome.

        Raises:
            InputError: if the shard was changed while `prepare` ran.
        """
        number, row = self._samples.place(sha256) or (0, 0)
        if not self._open or self._open[0] != number:
            self._open = number, ShardAudio(self._shards[number])
        samples = self._open[1][row]
        if hashlib.sha256(samples).digest() != sha256:
            path = self._shards[number]
            raise InputError(f"{path}: row {row}: expected samples with SHA-256 {sha256.hex()}")
        return samples

    def shard_key(self, rows: Iterable[bytes]) -> str:
        """The name under which a shard with these rows is stored; of audio they have the hash."""
        digest = hashlib.sha256(self._writer)
        for row in rows:
            digest.update(len(row).to_bytes(8, "big") + row)
        return digest.hexdigest()

    def shard(self, key: str) -> Path | None:
        """The stored shard of this key, if there is one."""
        path = self._path(key)
        return path if path in self._shards else None

    def put(self, recording: Recording, outcomes: list[Outcome]) -> None:
        """Store a recording's outcomes, unless they are stored."""
        if key := self._missing.pop(recording.name, None):
            self._results.put(key, list(map(_row, outcomes)))

    def put_shard(self, key: str, path: Path) -> None:
        """Store a shard that was written to ``path``, unless it is stored."""
        if not self._results.is_open:
            return
        stored = self._path(key)
        self._used.add(stored.name)
        if not self.shard(key):
            stored.unlink(missing_ok=True)
            link_or_copy(path, stored)
            self._put_hash(stored)

    def put_clips(self, key: str, clips: Iterable[tuple[Utterance, bytes]], *, stays: bool) -> None:
        """Write a shard of the cache's own, unless it is stored.

        Args:
            key: of its rows.
            clips: an utterance and its int16 samples each.
            stays: whether ``prune`` spares it.
        """
        if not self._results.is_open:
            return
        stored = self._path(key)
        if stays:
            self._used.add(stored.name)
        if not self.shard(key):
            stored.unlink(missing_ok=True)
            write_shard(stored, clips)  # without its hash, what a kill leaves is not used
            self._put_hash(stored)

    def prune(self) -> None:
        """Delete all that this run did not use; after a whole run."""
        if not self._results.is_open:
            return
        for path in self._folder.glob("*.parquet"):
            if path.name not in self._used:
                path.unlink()
                self._results.drop(path.name)
        self._results.prune()

    @property
    def is_open(self) -> bool:
        """Whether outcomes are found and stored: no other process has the cache."""
        return self._results.is_open

    def lacks(self, recording: Recording) -> bool:
        """Whether ``outcomes`` found none of a recording, and none were stored since."""
        return recording.name in self._missing

    def rows_of(self, file: list[str]) -> Any | None:
        """What ``put_rows`` stored of a source's file, under the same params and code; or None."""
        return self._results.get([*file, self._version.decode()])

    def put_rows(self, file: list[str], rows: Any) -> None:
        """Store what was read of a source's file, once the outcomes of its recordings are."""
        self._results.put([*file, self._version.decode()], rows)

    def drop_rows(self, file: list[str]) -> None:
        """Delete it."""
        self._results.drop([*file, self._version.decode()])

    def _is_whole(self, shard: Path) -> bool:
        stored = self._results.get(shard.name)
        if not stored:
            return False
        expected, *stamp = stored
        if stamp == _stamp(shard):
            return True
        if sha256_of(shard) != expected:
            return False
        self._results.put(shard.name, [expected, *_stamp(shard)])
        return True

    def _put_hash(self, shard: Path) -> None:
        self._results.put(shard.name, [sha256_of(shard), *_stamp(shard)])

    def _lacks_samples(self, outcome: Outcome) -> bool:
        if not isinstance(outcome, Passed):
            return False
        return self._samples.place(bytes.fromhex(outcome.sha256)) is None

    def _key(self, recording: Recording) -> str:
        digest = hashlib.sha256(self._version)
        digest.update(repr([getattr(recording, name) for name in _SOURCE_FIELDS]).encode())
        digest.update(sha256_of_audio(recording.audio))
        return digest.hexdigest()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.parquet"


class SampleIndex:
    """Where samples lie in shards, by the first 64 bits of their SHA-256: 16 bytes a clip."""

    def __init__(self, shards: Sequence[Path]) -> None:
        """Read the hashes of all rows, but no audio."""
        hashes, places = [np.empty(0, np.uint64)], [np.empty((0, 2), np.uint32)]
        for number, shard in enumerate(shards):
            first = [int(one[:16], 16) for one in read_sha256s(shard)]
            hashes.append(np.array(first, np.uint64))
            places.append(np.array([(number, row) for row in range(len(first))], np.uint32))
        order = np.argsort(found := np.concatenate(hashes))
        self._hashes, self._places = found[order], np.concatenate(places)[order]

    def place(self, sha256: bytes) -> tuple[int, int] | None:
        """The number of the shard and the row, None if the samples are in no shard."""
        wanted = np.uint64(int.from_bytes(sha256[:8], "big"))
        at = int(np.searchsorted(self._hashes, wanted))
        if at == len(self._hashes) or self._hashes[at] != wanted:
            return None
        shard, row = self._places[at].tolist()
        return shard, row


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; a copy where the file system can't, or is another."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _stamp(path: Path) -> list[int]:
    """By which an unchanged file is recognised without reading it."""
    stat = path.stat()
    return [stat.st_size, stat.st_ino, stat.st_mtime_ns]


def _row(outcome: Outcome) -> tuple[dict[str, Any], int | None]:
    """An outcome for JSON, and the size of its samples in bytes if it passed."""
    values = {name: getattr(outcome, name) for name in _OUTCOME_FIELDS[type(outcome)]}
    if isinstance(outcome, Failed):
        return values, None
    samples = outcome.samples
    return values, samples.size if isinstance(samples, StoredSamples) else len(samples)


def _outcome(values: dict[str, Any], size: int | None) -> Outcome:
    if size is None:
        return Failed(**values | {"reason": Reason(values["reason"])})
    return Passed(**values, samples=StoredSamples(size))
