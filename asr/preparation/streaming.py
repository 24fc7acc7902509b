"""Prepare a corpus whose files fetch did not store: ``corpora.<name>.keep_raw: false``.

A source's files are brought one at a time. Their recordings are screened in the order of the files,
and what passed is stored in the cache of `prepare` a shard at a time. Then the corpus is prepared
as any other, in the order of its tables: all outcomes are in the cache, and no file is needed. So
the outs are the same bytes as with ``keep_raw: true``, and a killed run goes on at the shard where
it was.
"""

import hashlib
import os
import shutil
from collections.abc import Container, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from asr.core.closure import code_version
from asr.core.locks import dvc_tmp, lock_folder
from asr.corpora.formats import read_corpus
from asr.corpora.params import Corpus as CorpusLine
from asr.corpora.params import Withdrawn
from asr.corpora.pins import PINS, read_pins
from asr.corpora.recording import Recording
from asr.corpora.withdrawn import without_withdrawn
from asr.preparation.corpus import MIB, Corpus, Outs, few, prepare_corpus, utterance_of
from asr.preparation.disk import Room
from asr.preparation.params import PrepareParams
from asr.preparation.reuse import PreparationCache, default_folder, preparation_cache
from asr.preparation.screening import Outcome, Passed, screen
from asr.sources import https, hub
from asr.sources.brought import Pinnable
from asr.sources.params import FetchParams
from asr.sources.pinned_files import ForgottenError, PinnedFiles
from asr.utterances.utterance import Utterance
from asr.workers.parallel import ordered_map
from asr.workers.workers import Workers

SPOOL = "brought"  # folder in the cache's
MAX_PENDING = 4096  # recordings whose outcomes are in memory
MAX_COLLECTED = 100_000  # recordings of archives that are in memory, without their audio


def prepare_streamed(
    corpus: Corpus,
    line: CorpusLine,
    source: Pinnable,
    raw: Path,
    params: PrepareParams,
    limits: FetchParams,
    outs: Outs,
    workers: Workers,
) -> None:
    """Prepare a corpus from the files that fetch pinned.

    Args:
        corpus: what its utterances have in common.
        line: in ``params.yaml``.
        source: of its files.
        raw: folder with the pins.
        params: section ``prepare``.
        limits: section ``fetch``.
        outs: as ``prepare_corpus`` writes them.
        workers: that screen.

    Raises:
        InputError: as ``prepare_corpus``; if a file is not the pinned one; if there is no room.
    """
    largest = max((pin.size or 0 for pin in read_pins(raw / PINS)), default=0)
    with _own_cache(corpus.name, params) as (folder, cache):
        room = Room(
            outs.shards,
            params.max_input_s,
            is_streamed=True,
            brought_bytes=largest if isinstance(source, https.Source | hub.Source) else 0,
            spool=folder / SPOOL,
        )
        with room.full_disk_error():
            files = PinnedFiles(corpus.name, source, raw, line, limits, folder / SPOOL)
            stream = _Stream(corpus, line, params, files, cache)
            for is_last in (False, True):
                try:
                    stream.screen(workers, room)
                    cache.read_shards()
                    prepare_corpus(corpus, stream.recordings(), params, outs, workers, cache)
                    break
                except ForgottenError:
                    if is_last:
                        raise
                    stream.forget()
        shutil.rmtree(folder / SPOOL, ignore_errors=True)


@contextmanager
def _own_cache(corpus: str, params: PrepareParams) -> Iterator[tuple[Path, PreparationCache]]:
    """The corpus's cache; a temporary one while another process has that."""
    with preparation_cache(default_folder(corpus), params) as cache:
        if cache.is_open:
            yield default_folder(corpus), cache
            return
    # What a killed process leaves there is removed with the next out that is written.
    place = dvc_tmp() / "partial" / f"{os.getpid()}-{corpus}"
    with lock_folder(place, timeout_s=1.0), preparation_cache(place / "cache", params) as cache:
        try:
            yield place / "cache", cache
        finally:
            shutil.rmtree(place, ignore_errors=True)


class _Stream:
    """The recordings of a corpus, and their outcomes in the cache."""

    def __init__(
        self,
        corpus: Corpus,
        line: CorpusLine,
        params: PrepareParams,
        files: PinnedFiles,
        cache: PreparationCache,
    ) -> None:
        self._corpus, self._line, self._params = corpus, line, params
        self._files, self._cache = files, cache
        self._keys = _keys_of_files(line, files)
        for file, key in self._keys.items():
            if (rows := cache.rows_of(key)) is not None:
                files.known[file] = rows

    def recordings(self) -> Iterator[Recording]:
        """All recordings, in the corpus's order."""
        found = read_corpus(self._files, self._line)
        if self._line.withdrawn == Withdrawn():
            return found
        origin = self._corpus.provenance.origin
        return without_withdrawn(found, self._corpus.name, self._line, origin)

    def screen(self, workers: Workers, room: Room) -> None:
        """Screen the recordings of all files into the cache, file by file.

        For a quick look (``max_utterances``) only what it will use, and that only of archives:
        other files can be brought in any order.
        """
        if self._params.max_utterances:
            if self._files.archives:
                chosen = few(self.recordings(), self._params.max_utterances)
                self._store(self._in_archives({one.name for one in chosen}), workers)
            return
        in_archives, packed = self._bytes_in_archives()
        alone = (one for one in self.recordings() if not self._files.archive_of(one.file))
        size = self._files.audio_bytes - in_archives
        self._store(room.check(alone, size, self._cache, later_bytes=packed), workers)
        if packed:
            self._store(room.check(self._in_archives(None), packed, self._cache), workers)

    def forget(self) -> None:
        """Read all files again, since a part of the cache was lost."""
        for key in self._keys.values():
            self._cache.drop_rows(key)
        self._files.known.clear()

    def _bytes_in_archives(self) -> tuple[int, int]:
        """The size of the recordings in archives, and of those among them that lack outcomes."""
        names = (name for name in self._files if self._files.archive_of(name))
        size = sum(len(self._files.stored(name)) for name in names)
        if not size:  # to read tables may mean to download them
            return 0, 0
        archives = {pin.name for pin in self._files.archives}
        return size, sum(len(one.audio) for _, one in self._lacking(archives, None))

    def _in_archives(self, names: set[str] | None) -> Iterator[Recording]:
        """The recordings in archives, in the order of the archives and of the files in them.

        Those with stored outcomes are left out, and so are archives that have no others.
        """
        archives = [pin.name for pin in self._files.archives]
        while archives:
            collected = self._collected(archives, names)
            archives = archives[len(collected) :]
            for archive, by_file in collected.items():
                if by_file:
                    for file, content in self._files.read_members(archive, by_file):
                        yield from (replace(one, audio=content) for one in by_file[file])

    def _collected(
        self, archives: list[str], names: set[str] | None
    ) -> dict[str, dict[str, list[Recording]]]:
        """The recordings in the first of the archives that lack outcomes, by archive and file.

        The tables are read once for as many archives as ``MAX_COLLECTED`` allows, at least for one:
        with many archives, to read a large table for each takes longer than to decode.
        """
        found: dict[str, dict[str, list[Recording]]] = {archive: {} for archive in archives}
        num = 0
        for archive, one in self._lacking(found, names):
            found[archive].setdefault(one.file, []).append(one)
            num += 1
            while num > MAX_COLLECTED and len(found) > 1:
                _, last = found.popitem()
                num -= sum(map(len, last.values()))
        return found

    def _lacking(
        self, archives: Container[str], names: set[str] | None
    ) -> Iterator[tuple[str, Recording]]:
        """Archive and recording of those in ``archives`` that have no stored outcomes.

        Args:
            archives: may become fewer meanwhile.
            names: of recordings; None for all.
        """
        for one in self.recordings():
            archive = self._files.archive_of(one.file)
            if (
                archive is not None
                and archive in archives
                and len(one.audio)
                and (names is None or one.name in names)
                and self._cache.outcomes(one) is None
            ):
                yield archive, one

    def _store(self, recordings: Iterable[Recording], workers: Workers) -> None:
        """Screen recordings; store their outcomes and samples, a shard at a time."""
        screened = ordered_map(
            partial(screen, params=self._params),
            recordings,
            workers,
            name=lambda recording: recording.file,
            size=lambda recording: len(recording.audio),
            known=self._cache.outcomes,
        )
        pending, size, reached = list[tuple[Recording, list[Outcome]]](), 0, ""
        with closing(screened):
            for recording, outcomes in tqdm(
                screened, desc=f"read {self._corpus.name}", unit=" recordings", disable=None
            ):
                reached = max(reached, self._table_of(recording))
                if self._cache.lacks(recording):
                    pending.append((replace(recording, audio=b""), outcomes))
                    size += sum(len(samples) for _, samples in _passed(outcomes))
                if size >= self._params.shard_mb * MIB or len(pending) >= MAX_PENDING:
                    self._flush(pending)
                    self._remember(before=reached)
                    pending, size = [], 0
        self._flush(pending)
        self._remember(before=None)

    def _flush(self, pending: list[tuple[Recording, list[Outcome]]]) -> None:
        """Store outcomes, and the samples of those that passed in a shard."""
        clips: list[tuple[Utterance, bytes]] = [
            (utterance_of(self._corpus, recording, passed), samples)
            for recording, outcomes in pending
            for passed, samples in _passed(outcomes)
        ]
        if clips:
            key = self._cache.shard_key(one.model_dump_json().encode() for one, _ in clips)
            self._cache.put_clips(key, clips, stays=False)
        for recording, outcomes in pending:
            self._cache.put(recording, outcomes)

    def _remember(self, before: str | None) -> None:
        """Store the rows of tables whose outcomes are all stored, so that none is read again.

        Args:
            before: the table whose outcomes are being stored; None if all are.
        """
        for table in [one for one in self._files.read if before is None or one < before]:
            self._files.known[table] = self._files.read.pop(table)
            self._cache.put_rows(self._keys[table], self._files.known[table])

    def _table_of(self, recording: Recording) -> str:
        """The Parquet file of a row; empty for other recordings. Tables come in this order."""
        table = recording.file.rpartition("#")[0]
        return table if table in self._keys else ""


def _passed(outcomes: Iterable[Outcome]) -> Iterator[tuple[Passed, bytes]]:
    for one in outcomes:
        if isinstance(one, Passed) and isinstance(one.samples, bytes):
            yield one, one.samples


def _keys_of_files(line: CorpusLine, files: PinnedFiles) -> dict[str, list[str]]:
    """By Parquet file, what determines its recordings: the files before it give names too."""
    if line.format != "parquet":
        return {}
    code = code_version(f"asr.corpus_formats.{line.format}")
    digest = hashlib.sha256(f"{code} {line.model_dump_json()}".encode())
    keys = {}
    for file in files:
        digest.update(f"{file} {files.pins[file].hash}\n".encode())
        keys[file] = ["rows", digest.hexdigest()]
    return keys
