"""Utterances that passed screening, on disk until the whole corpus is screened."""

import hashlib
from dataclasses import dataclass
from typing import IO

from asr.preparation.reuse import PreparationCache
from asr.preparation.screening import StoredSamples
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance


@dataclass(frozen=True, slots=True)
class Spooled:
    """An utterance in the spool. It has few bytes, since a corpus may have a million.

    Attributes:
        id: of the utterance.
        recording: SHA-256 of its samples.
        sentence: hash of its sentence key.
        offset: where its record begins in the file: the utterance as JSON, the name of the
            recording's file, the samples.
        size: of the JSON, in bytes.
        file_size: of the file's name, in bytes.
        samples_size: in bytes.
        stored: whether the samples are in the cache's shards instead of the record.
    """

    id: str
    recording: bytes
    sentence: bytes
    offset: int
    size: int
    file_size: int
    samples_size: int
    stored: bool


class Spool:
    """Utterances in a temporary file, in the order in which they were added."""

    def __init__(self, file: IO[bytes], cache: PreparationCache) -> None:
        """Write to ``file``, which is empty; samples that ``cache`` has are read from there."""
        self._file = file
        self._end = self._position = 0
        self._cache = cache

    def add(self, utterance: Utterance, file: str, samples: bytes | StoredSamples) -> Spooled:
        """Append an utterance, the name of its recording's file, and its samples (int16)."""
        content = utterance.model_dump_json().encode()
        name = file.encode()
        written = b"" if isinstance(samples, StoredSamples) else samples
        samples_size = samples.size if isinstance(samples, StoredSamples) else len(samples)
        if self._position != self._end:  # seeking empties the file's buffer
            self._file.seek(self._end)
        self._file.writelines((content, name, written))
        spooled = Spooled(
            utterance.id,
            bytes.fromhex(utterance.sha256),
            hashlib.blake2b(sentence_key(utterance.text).encode(), digest_size=16).digest(),
            self._end,
            len(content),
            len(name),
            samples_size,
            isinstance(samples, StoredSamples),
        )
        self._end += len(content) + len(name) + len(written)
        self._position = self._end
        return spooled

    def utterance(self, clip: Spooled) -> Utterance:
        """The utterance, complete but for its place in a shard."""
        return Utterance.model_validate_json(self.row(clip))

    def row(self, clip: Spooled) -> bytes:
        """The utterance as JSON; it has the hash of the samples, so it identifies a shard's row."""
        return self._read(clip.offset, clip.size)

    def file(self, clip: Spooled) -> str:
        """The name of the recording's file in the source."""
        return self._read(clip.offset + clip.size, clip.file_size).decode()

    def samples(self, clip: Spooled) -> bytes:
        """The samples, int16, little endian."""
        if clip.stored:
            return self._cache.samples(clip.recording)
        return self._read(clip.offset + clip.size + clip.file_size, clip.samples_size)

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        self._position = offset + size
        return self._file.read(size)
