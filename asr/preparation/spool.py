"""Utterances that passed, and wait on disk until all of their corpus was heard."""

import hashlib
from dataclasses import dataclass
from typing import IO

from asr.preparation.reuse import LastRun
from asr.preparation.screening import Kept
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance that passed, as small as can be: there may be a million.

    Attributes:
        id: the utterance's.
        recording: hash of its samples.
        sentence: hash of its sentence's key.
        offset: where it waits: the utterance, the name of its file, then its samples.
        size: of the utterance, in bytes.
        file_size: of the file's name, in bytes.
        samples_size: in bytes.
        kept: whether the samples lie in a shard of the last run instead.
    """

    id: str
    recording: bytes
    sentence: bytes
    offset: int
    size: int
    file_size: int
    samples_size: int
    kept: bool


class Waiting:
    """What passed, on disk until it is known what is kept."""

    def __init__(self, file: IO[bytes], last: LastRun) -> None:
        self._file = file
        self._end = self._position = 0
        self.last = last

    def add(self, utterance: Utterance, file: str, samples: bytes | Kept) -> Heard:
        """Put an utterance, the name of its file and its samples at the end."""
        content = utterance.model_dump_json().encode()
        name = file.encode()
        size, waits = (samples.size, b"") if isinstance(samples, Kept) else (len(samples), samples)
        if self._position != self._end:  # seeking empties the file's buffer
            self._file.seek(self._end)
        self._file.writelines((content, name, waits))
        heard = Heard(
            utterance.id,
            bytes.fromhex(utterance.sha256),
            hashlib.blake2b(sentence_key(utterance.text).encode(), digest_size=16).digest(),
            self._end,
            len(content),
            len(name),
            size,
            isinstance(samples, Kept),
        )
        self._end += len(content) + len(name) + len(waits)
        self._position = self._end
        return heard

    def utterance(self, clip: Heard) -> Utterance:
        """Complete but for its place in a shard."""
        return Utterance.model_validate_json(self.row(clip))

    def row(self, clip: Heard) -> bytes:
        """All that a shard says of it, in bytes; of the samples their hash."""
        return self._read(clip.offset, clip.size)

    def file(self, clip: Heard) -> str:
        """Name of the recording's file in the source."""
        return self._read(clip.offset + clip.size, clip.file_size).decode()

    def samples(self, clip: Heard) -> bytes:
        """Int16, little endian."""
        if clip.kept:
            return self.last.samples(clip.recording)
        return self._read(clip.offset + clip.size + clip.file_size, clip.samples_size)

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        self._position = offset + size
        return self._file.read(size)
