"""A corpus as its source has it: files by name, untouched, in one tar; provenance beside it."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from pydantic import Field, ValidationError

from asr.errors import InputError, faults
from asr.files import read_json, write_json
from asr.schemas import Schema

FILES = "files.tar"
PROVENANCE = "source.json"


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
    audio: bytes
    file: str
    speaker_id: str | None = None
    session_id: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    license: str | None = None
    fault: str | None = None
    segments: tuple[Segment, ...] = ()
    withdrawn: bool = False


class Provenance(Schema):
    """Where a corpus's files came from; ``source.json`` beside them.

    Attributes:
        kind: of the source, as in ``conf/sources.yaml``.
        origin: ``package=version``, path or address.
        sha256: of the package or archive, in hexadecimal; None where there is no such file.
        license: SPDX identifier of the files' license.
        num_files: files in the tar, so that a shortened tar is noticed.
    """

    kind: Literal["debian", "folder", "archive", "https", "hub", "sql"]
    origin: str = Field(min_length=1)
    sha256: str | None
    license: str = Field(min_length=1)
    num_files: int = Field(ge=1)


def write_files(path: Path, files: Iterable[tuple[str, bytes]]) -> int:
    """Write files to an uncompressed tar as they come, one in memory at a time.

    The bytes depend on names and contents alone: no times, no owners. Uncompressed, since audio is
    compressed already and a reader can then jump to any file.

    Returns:
        How many files were written.

    Raises:
        InputError: if a name comes twice, or is no UTF-8, so that no manifest could hold it.
    """
    seen: set[str] = set()
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files:
            if name in seen:
                raise InputError(f"{name}: the source has two files of this name")
            try:
                name.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"{name!r}: expected a file name in UTF-8, got {error}") from error
            seen.add(name)
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
            _forget_members(tar)
    return len(seen)


def write_provenance(folder: Path, provenance: Provenance) -> None:
    """Write ``source.json`` into a raw folder."""
    write_json(folder / PROVENANCE, provenance.model_dump())


def read_provenance(folder: Path) -> Provenance:
    """Read ``source.json`` of a raw folder."""
    path = folder / PROVENANCE
    try:
        return Provenance.model_validate(read_json(path))
    except ValidationError as error:
        raise InputError(f"{path}: {faults(error)[0]}") from error


class Files(Protocol):
    """What a corpus format reads: a ``RawFiles``, or in tests a dict."""

    def __getitem__(self, name: str, /) -> bytes:
        """The bytes of the file ``name``."""

    def __contains__(self, name: object, /) -> bool:
        """Whether there is such a file."""

    def __iter__(self) -> Iterator[str]:
        """The names, in an order that is always the same."""


class RawFiles:
    """The files of a raw folder: a read-only mapping from name to bytes, in the order of names.

    Only names and places are held in memory; bytes are read when asked for.
    """

    def __init__(self, folder: Path) -> None:
        """Index the tar of ``folder``.

        Raises:
            InputError: if the tar is not whole.
        """
        self._path = folder / FILES
        self._file = self._path.open("rb")
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                members = sorted(_members(tar))
        except tarfile.TarError as error:
            raise InputError(f"{self._path}: expected a whole tar, got {error}") from error
        self._places = {name: (offset, size) for name, offset, size in members}
        # A tar that was cut between two files reads as a shorter tar without complaint.
        if len(members) != (expected := read_provenance(folder).num_files):
            raise InputError(f"{self._path}: expected {expected} files, got {len(members)}")

    def __getitem__(self, name: str) -> bytes:
        offset, size = self._places[name]
        self._file.seek(offset)
        content = self._file.read(size)
        if len(content) != size:
            raise InputError(f"{self._path}: {name}: expected {size} bytes, got {len(content)}")
        return content

    def open(self, name: str) -> BinaryIO:
        """A file to read in parts: a large one need not fit into memory. Close it after use."""
        offset, size = self._places[name]
        return io.BufferedReader(_Section(self._path, offset, size), 1 << 16)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class _Section(io.RawIOBase):
    """A stretch of a file as if it were a file."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._offset, self._size, self._position = offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(f"seek to {start + offset}, before the file's beginning")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), max(0, self._size - self._position))
        self._file.seek(self._offset + self._position)
        size = self._file.readinto(memoryview(buffer)[:size])
        self._position += size
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, int, int]]:
    """Name, offset and size of each file."""
    while member := tar.next():
        _forget_members(tar)
        yield member.name, member.offset_data, member.size


def _forget_members(tar: tarfile.TarFile) -> None:
    """Tarfile keeps a kilobyte of each file that it read or wrote."""
    tar.members = []  # type: ignore[attr-defined]
