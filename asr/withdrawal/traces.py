"""Traces of withdrawn recordings in files: which files hold their sound, their words or their id.

A file is known by its content, not its name, so that objects of DVC's cache are understood too.
Audio is found by its hash, whether it is a file, a file in a tar or a cell of a Parquet table; text
by the id of the utterance that it stands beside. Weights hold none of these.
"""

import hashlib
import html
import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from asr.core.errors import InputError
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.raw_folder import read_provenance
from asr.corpora.recording import sha256_of_audio
from asr.corpora.withdrawn import hash_of_id, is_withdrawn, read_recordings

_FIELDS = ["id", "corpus", "speaker_id", "source", "sha256", "attributes"]
# What an id stands between, in JSON, a CSV and HTML; a name may hold what the others use.
_ENDS = ('"', ",", "[<>]")


@dataclass
class Traces:
    """What is withdrawn, by all that it can be known by.

    Attributes:
        corpus: its corpus.
        withdrawn: the rule.
        ids: of recordings and utterances, as ``hash_of_id`` has them.
        sounds: SHA-256, in hexadecimal, of encoded recordings and of utterances' samples.
    """

    corpus: str
    withdrawn: Withdrawn
    ids: set[str] = field(default_factory=set)
    sounds: set[str] = field(default_factory=set)

    def learn(self, path: Path) -> bool:
        """Note the withdrawn utterances of a shard or manifest; says whether there are any."""
        found = False
        for row in utterance_rows(path):
            fields = row["speaker_id"], row["source"], row["attributes"]
            if row["corpus"] == self.corpus and is_withdrawn(self.withdrawn, *fields):
                self.ids.add(hash_of_id(row["id"]))
                self.sounds.add(row["sha256"])
                found = True
        return found

    def learn_raw(self, folder: Path, line: Corpus) -> None:
        """Note the withdrawn recordings of a raw folder of the corpus.

        Raises:
            InputError: if the folder can't be read as the corpus's line in params.yaml says.
        """
        origin = read_provenance(folder).origin
        is_empty = True
        for one in read_recordings(folder, line):
            is_empty = False
            fields = one.speaker_id, f"{origin}:{one.file}", one.attributes
            if is_withdrawn(self.withdrawn, *fields):
                self.ids.add(hash_of_id(f"{self.corpus}/{one.name}"))
                if one.audio:
                    self.sounds.add(sha256_of_audio(one.audio).hex())
        if is_empty:  # as it is to the reader of another format
            raise InputError(f"{folder}: expected recordings in format {line.format}, got none")

    def in_file(self, path: Path) -> bool:
        """Whether a file holds any of it; of a damaged one nobody knows, so it does."""
        if self.learn(path):
            return True
        if b"\0" not in _head(path):
            with path.open(encoding="utf-8", errors="replace") as file:
                if any(map(self._in_line, file)):
                    return True
        try:
            with path.open("rb") as content:
                return not self.sounds.isdisjoint(_hashes(content))
        except (ValueError, tarfile.TarError):
            return True

    def _in_line(self, line: str) -> bool:
        if f"{self.corpus}/" not in line:
            return False
        parts = {html.unescape(p) for ends in _ENDS for p in re.split(ends, line.rstrip("\r\n"))}
        ids = [part for part in parts if part.startswith(f"{self.corpus}/")]
        # An utterance that is a stretch of a recording has its id and a number.
        ids += [part.rpartition("#")[0] for part in ids]
        return not self.ids.isdisjoint(map(hash_of_id, ids))


def utterance_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The utterances of a shard or a manifest, without audio; none of another file."""
    with suppress(ValueError):  # damaged, as far as it is whole
        if _head(path).startswith(b"PAR1"):
            import pyarrow.parquet as pq

            with pq.ParquetFile(path) as shard:
                if set(_FIELDS) <= set(shard.schema_arrow.names):
                    for row in shard.read(columns=_FIELDS).to_pylist():
                        yield row | {"attributes": json.loads(row["attributes"])}
        elif _head(path).startswith(b'{"id":'):
            with path.open(encoding="utf-8") as file:
                for row in map(json.loads, file):
                    if not set(_FIELDS) <= row.keys():
                        return
                    yield row


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8192)


def _hashes(file: IO[bytes]) -> Iterator[str]:
    """SHA-256 of a file, and of the files of a tar or the cells of a Parquet table in it."""
    yield hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    head = file.read(512)
    file.seek(0)
    if head[257:262] == b"ustar":
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if content := tar.extractfile(member):
                    yield from _hashes(content)
    elif head.startswith(b"PAR1"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(file).iter_batches(64):
            for column in pa.Table.from_batches([batch]).flatten().columns:  # {bytes, path} too
                cells = (cell for cell in column.to_pylist() if isinstance(cell, bytes) and cell)
                yield from (hashlib.sha256(cell).hexdigest() for cell in cells)
