"""Find traces of withdrawn recordings in files: their audio, their transcripts or their ids.

The content determines a file's format, not its name, so objects in DVC's cache can be searched too.
Audio is found by its hash, as a file, in a tar, in a cell of a Parquet table or in a shard. A
transcript is found by its utterance's id in the same file. Model weights contain none of these.
"""

import hashlib
import html
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from asr.core.errors import InputError
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.raw_folder import read_provenance
from asr.corpora.recording import Recording, sha256_of_audio
from asr.corpora.withdrawn import hash_of_id, is_withdrawn, read_recordings
from asr.guards.kinds import CLIPS

_FIELDS = ["id", "corpus", "speaker_id", "source", "sha256", "attributes"]
# Delimiters of an id in JSON, CSV and HTML. Each is tried alone, as an id may hold the others.
_ENDS = ('"', ",", "[<>]")


@dataclass
class Traces:
    """A withdrawal rule and the hashes of all that matches it.

    Attributes:
        names: of the corpora and test sets that the rule is for: those with one source.
        withdrawn: the rule.
        ids: ``hash_of_id`` of recordings and utterances.
        audio_hashes: SHA-256, in hexadecimal, of encoded recordings and of utterances' samples.
    """

    names: tuple[str, ...]
    withdrawn: Withdrawn
    ids: set[str] = field(default_factory=set)
    audio_hashes: set[str] = field(default_factory=set)

    def add_utterances(self, path: Path) -> bool:
        """Add the withdrawn utterances of a shard or manifest; return True if there are any."""
        found = False
        for row in utterance_rows(path):
            fields = row["speaker_id"], row["source"], row["attributes"]
            if row["corpus"] in self.names and is_withdrawn(self.withdrawn, *fields):
                self.ids.add(hash_of_id(row["id"]))
                self.audio_hashes.add(row["sha256"])
                found = True
            # A clip that was joined of others, some of which are withdrawn.
            parts = row["attributes"].get(CLIPS, "").splitlines()
            if not self.ids.isdisjoint(map(hash_of_id, parts)):
                self.audio_hashes.add(row["sha256"])
                found = True
        return found

    def add_raw(self, folder: Path, name: str, line: Corpus) -> None:
        """Add the withdrawn recordings of a raw folder of a corpus or test set.

        Raises:
            InputError: if the folder can't be read in the corpus's format in params.yaml.
        """
        self.add_recordings(read_recordings(folder, line), folder, name, line)

    def add_recordings(
        self, recordings: Iterable[Recording], folder: Path, name: str, line: Corpus
    ) -> None:
        """Like ``add_raw``, for recordings of a raw folder that are read elsewhere."""
        origin = read_provenance(folder).origin
        is_empty = True
        for one in recordings:
            is_empty &= one.text is None and not one.segments and not one.withdrawn
            fields = one.speaker_id, f"{origin}:{one.file}", one.attributes
            if is_withdrawn(self.withdrawn, *fields):
                self.ids.add(hash_of_id(f"{name}/{one.name}"))
                if one.audio:
                    self.audio_hashes.add(sha256_of_audio(one.audio).hex())
        if is_empty:  # a reader of another format finds no transcript, but raises no error
            raise InputError(f"{folder}: expected recordings in format {line.format}, got none")

    def in_file(self, path: Path) -> bool:
        """Whether a file has a trace; True for a damaged tar or table, which can't be searched."""
        if self.add_utterances(path):
            return True
        if b"\0" not in _head(path):
            with path.open(encoding="utf-8", errors="replace") as file:
                if any(map(self._in_line, file)):
                    return True
        try:
            with path.open("rb") as content:
                return not self.audio_hashes.isdisjoint(_hashes(content))
        except (ValueError, tarfile.TarError):
            return True

    def _in_line(self, line: str) -> bool:
        starts = tuple(f"{name}/" for name in self.names)
        if not any(start in line for start in starts):
            return False
        parts = {html.unescape(p) for ends in _ENDS for p in re.split(ends, line.rstrip("\r\n"))}
        ids = [part for part in parts if part.startswith(starts)]
        # The utterance of a segment has the id ``<recording>#<number>``.
        ids += [part.rpartition("#")[0] for part in ids]
        return not self.ids.isdisjoint(map(hash_of_id, ids))


def utterance_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the utterances of a shard or manifest, without audio; nothing for other files."""
    with suppress(ValueError):  # yield the rows before the damage
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
    """Yield SHA-256 of a file and, recursively, of a tar's files or a Parquet table's cells."""
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

        table = pq.ParquetFile(file)
        if set(_FIELDS) <= set(table.schema_arrow.names):  # a shard: its audio is compressed
            yield from table.read(columns=["sha256"]).column("sha256").to_pylist()
            return
        for batch in table.iter_batches(64):
            for column in pa.Table.from_batches([batch]).flatten().columns:  # {bytes, path} too
                cells = (cell for cell in column.to_pylist() if isinstance(cell, bytes) and cell)
                yield from (hashlib.sha256(cell).hexdigest() for cell in cells)
