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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from asr.corpora.params import Withdrawn
from asr.corpora.recording import Recording, sha256_of_audio
from asr.corpora.withdrawn import hash_of_id, is_withdrawn

_FIELDS = ["id", "corpus", "speaker_id", "source", "sha256", "attributes"]
# What an id stands between, in JSON, a CSV and HTML; a name may hold what the others use.
_ENDS = [re.compile(ends) for ends in ('"', ",", "[<>]")]
_ROWS_AT_ONCE = 64


@dataclass
class Traces:
    """What is withdrawn, by all that it can be known by.

    Attributes:
        corpus: its corpus.
        withdrawn: the rule.
        ids: of recordings and utterances, as ``hash_of_id`` has them.
        samples: SHA-256 of utterances' samples, in hexadecimal.
        files: SHA-256 of encoded recordings.
    """

    corpus: str
    withdrawn: Withdrawn
    ids: set[str] = field(default_factory=set)
    samples: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def learn(self, path: Path) -> None:
        """Note the withdrawn utterances of a shard or manifest; another file has none."""
        for row in utterance_rows(path):
            if self._named(row):
                self.ids.add(hash_of_id(row["id"]))
                self.samples.add(row["sha256"])

    def learn_recordings(self, recordings: Iterable[Recording]) -> None:
        """Note recordings that are known to be withdrawn."""
        for one in recordings:
            self.ids.add(hash_of_id(f"{self.corpus}/{one.name}"))
            if one.audio:
                self.files.add(sha256_of_audio(one.audio).hex())

    def in_file(self, path: Path) -> bool:
        """Whether a file holds any of it."""
        kind = kind_of(path)
        if kind == "parquet" and any(map(self._named, utterance_rows(path))):
            return True
        if kind == "text":
            with path.open(encoding="utf-8", errors="replace") as file:
                if any(map(self._in_line, file)):
                    return True
        return any(sha256 in self.files or sha256 in self.samples for sha256 in _hashes(path, kind))

    def _named(self, row: dict[str, Any]) -> bool:
        return row["corpus"] == self.corpus and is_withdrawn(
            self.withdrawn, row["speaker_id"], row["source"], row["attributes"]
        )

    def _in_line(self, line: str) -> bool:
        start = f"{self.corpus}/"
        parts = {part for ends in _ENDS for part in ends.split(line.rstrip("\r\n")) if "/" in part}
        ids = [one for part in parts if (one := html.unescape(part)).startswith(start)]
        # An utterance that is a stretch of a recording has its id and a number.
        return any(
            hash_of_id(one) in self.ids for part in ids for one in (part, part.rpartition("#")[0])
        )


def kind_of(path: Path) -> str:
    """parquet, tar, text or other."""
    with path.open("rb") as file:
        head = file.read(8192)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head[257:262] == b"ustar":
        return "tar"
    return "other" if b"\0" in head else "text"


def utterance_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The utterances of a shard or a manifest, without audio; none of another file."""
    kind = kind_of(path)
    if kind == "parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as shard:
            if set(_FIELDS) <= set(shard.schema_arrow.names):
                for row in shard.read(columns=_FIELDS).to_pylist():
                    yield row | {"attributes": json.loads(row["attributes"])}
    elif kind == "text":
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if not line.startswith('{"id":') or '"sha256":' not in line:
                    return
                yield json.loads(line)


def _hashes(path: Path, kind: str) -> Iterator[str]:
    """SHA-256 of the file, and of the files or cells in it."""
    with path.open("rb") as file:
        yield hashlib.file_digest(file, "sha256").hexdigest()
    if kind == "parquet":
        with path.open("rb") as file:
            yield from _cell_hashes(file)
    elif kind == "tar":
        with tarfile.open(path) as tar:
            for member in tar:
                if content := tar.extractfile(member):
                    yield hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
                    content.seek(0)
                    if content.read(4) == b"PAR1":
                        content.seek(0)
                        yield from _cell_hashes(content)


def _cell_hashes(file: IO[bytes]) -> Iterator[str]:
    """Of each cell of bytes, also in a struct such as ``{bytes, path}``."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        for batch in table.iter_batches(_ROWS_AT_ONCE):
            for row in batch.to_pylist():
                for value in row.values():
                    for cell in value.values() if isinstance(value, dict) else (value,):
                        if isinstance(cell, bytes) and cell:
                            yield hashlib.sha256(cell).hexdigest()
