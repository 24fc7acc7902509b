"""A recording and what its source says of it, as every corpus format finds them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol


class Files(Protocol):
    """What a corpus format reads: a ``RawFiles``, or in tests a dict."""

    def __getitem__(self, name: str, /) -> bytes:
        """The bytes of the file ``name``."""

    def __contains__(self, name: object, /) -> bool:
        """Whether there is such a file."""

    def __iter__(self) -> Iterator[str]:
        """The names, in an order that is always the same."""


class Stored:
    """The bytes of a file in a tar, read when asked for: ``bytes(stored)``."""

    __slots__ = ("_files", "_name", "_size", "sha256")

    def __init__(self, files: Files, name: str, size: int, sha256: bytes) -> None:
        """``sha256`` is of the bytes, which need not be read for it."""
        self._files, self._name, self._size, self.sha256 = files, name, size, sha256

    def __bytes__(self) -> bytes:
        return self._files[self._name]

    def __len__(self) -> int:
        return self._size

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        """For another process, which may have no such tar, it is bytes."""
        return bytes, (bytes(self),)


def sha256_of_audio(audio: bytes | Stored) -> bytes:
    """The hash of a recording's bytes."""
    return audio.sha256 if isinstance(audio, Stored) else hashlib.sha256(audio).digest()


@dataclass(frozen=True)
class Segment:
    """A timed stretch of a recording, as a subtitle or a karaoke line has it.

    Attributes:
        start_s: where it begins, in seconds from the recording's beginning.
        end_s: where it ends, or None for the recording's own end: the last line of an LRC file.
        text: raw transcript of what is said there; empty where nobody speaks.
        confidence: 0 to 1, that the text is this stretch's, where a machine dealt it; None where
            the source gives the times.
    """

    start_s: float
    end_s: float | None
    text: str
    confidence: float | None = None


@dataclass(frozen=True)
class Recording:
    """What a corpus format finds: a recording, and what the source says of it.

    Attributes:
        name: unique in its corpus; the utterance's id is ``<corpus>/<name>``.
        text: raw transcript, or None where the source has none.
        audio: encoded bytes, as the file holds them; none where there is a ``fault``.
        file: name of that file in the source.
        speaker_id: who speaks, if the source says.
        session_id: the sitting, if the source says.
        attributes: whatever else the source says.
        language: ISO 639 code of this recording, None for its corpus's.
        license: of this recording, None for its source's.
        fault: why it can't be used although the source names it, such as a file that is missing;
            None as a rule.
        segments: timed stretches, each of which becomes an utterance ``<corpus>/<name>#<number>``;
            where there are any, ``text`` is not looked at. Empty where the source gives no times.
        withdrawn: it may not be used any more; then there is neither audio nor text.
    """

    name: str
    text: str | None
    audio: bytes | Stored
    file: str
    speaker_id: str | None = None
    session_id: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    license: str | None = None
    fault: str | None = None
    segments: tuple[Segment, ...] = ()
    withdrawn: bool = False
