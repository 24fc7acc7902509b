"""A recording with its metadata: the result of every corpus format."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, BinaryIO, Literal, Protocol, runtime_checkable


class Files(Protocol):
    """The files that a corpus format reads: a ``RawFiles``, or a dict in tests."""

    def __getitem__(self, name: str, /) -> bytes:
        """The bytes of the file ``name``."""

    def __contains__(self, name: object, /) -> bool:
        """Whether there is such a file."""

    def __iter__(self) -> Iterator[str]:
        """The names, in an order that is always the same."""


class Stored:
    """The bytes of a file, unread, with their hash; ``bytes(stored)`` reads them."""

    __slots__ = ("_files", "_name", "_size", "sha256")

    def __init__(self, files: Files, name: str, size: int, sha256: bytes) -> None:
        """``sha256`` is the hash of the bytes, from a tar's table of contents or a pin."""
        self._files, self._name, self._size, self.sha256 = files, name, size, sha256

    def __bytes__(self) -> bytes:
        return self._files[self._name]

    def __len__(self) -> int:
        return self._size

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        """Pickle the bytes, since another process may not have the tar."""
        return bytes, (bytes(self),)


@runtime_checkable
class StoredFiles(Files, Protocol):
    """Files outside of memory: those of a raw folder, or those that a list pins.

    Attributes:
        refused: by name, the links and devices that are no files of the corpus, and why.
    """

    refused: Mapping[str, str]

    def stored(self, name: str, /) -> "bytes | Stored":
        """The bytes of a recording, unread where their hash is known."""

    def open(self, name: str, /) -> BinaryIO:
        """A file to read in parts; close it after use."""

    def recordings(
        self, name: str, read: Callable[[], Iterator["Recording"]], /
    ) -> Iterator["Recording"]:
        """What ``read`` yields of the file ``name``, or the same from an earlier run.

        Of a withdrawn recording, an earlier run has hashes alone.
        """


def sha256_of_audio(audio: bytes | Stored) -> bytes:
    """SHA-256 of a recording's encoded bytes; of a ``Stored`` without reading them."""
    return audio.sha256 if isinstance(audio, Stored) else hashlib.sha256(audio).digest()


@dataclass(frozen=True)
class Segment:
    """A timed stretch of a recording, such as a subtitle or a karaoke line.

    Attributes:
        start_s: where it begins, in seconds from the recording's beginning.
        end_s: where it ends, or None for the recording's own end: the last line of an LRC file.
        text: raw transcript; empty if nobody speaks.
        confidence: 0 to 1, that ``text`` is spoken in this stretch, if ``asr.alignment`` assigned
            it; None if the source gives the times.
        fault: why the segment can't be used, such as times that are no times; usually None.
    """

    start_s: float
    end_s: float | None
    text: str
    confidence: float | None = None
    fault: str | None = None


@dataclass(frozen=True)
class Recording:
    """A recording, and its metadata in the source.

    Attributes:
        name: unique in its corpus; the utterance's id is ``<corpus>/<name>``.
        text: raw transcript, or None where the source has none.
        audio: encoded bytes of the file; empty if there is a ``fault``.
        file: name of the file in the source.
        speaker_id: None if the source gives none.
        session_id: None if the source gives none.
        attributes: all other columns of the source.
        language: ISO 639 code of this recording; None means the corpus's.
        license: of this recording; None means the source's.
        fault: why the recording can't be used, such as a missing file; usually None.
        segments: timed stretches, each of which becomes an utterance ``<corpus>/<name>#<number>``.
            If there are any, prepare ignores ``text``. Empty if the source gives no times.
        withdrawn: the recording may no longer be used and has neither audio nor text.
        channel: the one to decode, from 0; ``each`` for an utterance of each; None for their mean.
        stated_s: the duration in seconds that the source states, None if it states none. What a
            longer file has behind it is not decoded.
        unlisted: audio that no table of the source names. It has no audio here.
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
    channel: int | Literal["each"] | None = None
    stated_s: float | None = None
    unlisted: bool = False


def recording_row(one: Recording) -> dict[str, Any]:
    """A recording without its audio, for JSON."""
    row = asdict(replace(one, audio=b""))
    del row["audio"], row["withdrawn"]
    return row


def recording_of_row(row: dict[str, Any], audio: bytes | Stored) -> Recording:
    """The recording of a row of ``recording_row``."""
    segments = tuple(Segment(**one) for one in row["segments"])
    return Recording(audio=audio, **row | {"segments": segments})
