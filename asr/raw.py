"""A corpus as its source has it: files by name, untouched, in one tar; provenance beside it.

The tar ends with a table of contents that has each file's SHA-256 (``asr/tar_contents.py``). Who
knows a file by it believes, unread, that the file is as fetch wrote it, as DVC believes of the
whole folder; who reads a file checks it.
"""

import hashlib
import io
import tarfile
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from pydantic import Field, ValidationError

from asr.errors import InputError, faults
from asr.files import read_json, write_json
from asr.schemas import Schema
from asr.tar_contents import NAME, Contents, forget_members, read_contents

FILES = "files.tar"
PROVENANCE = "source.json"


class Stored:
    """The bytes of a file in a tar, read when asked for: ``bytes(stored)``."""

    __slots__ = ("_files", "_name", "_size", "sha256")

    def __init__(self, files: "RawFiles", name: str, size: int, sha256: bytes) -> None:
        """``sha256`` is of the bytes, which need not be read for it."""
        self._files, self._name, self._size, self.sha256 = files, name, size, sha256

    def __bytes__(self) -> bytes:
        return self._files[self._name]

    def __len__(self) -> int:
        return self._size

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        """For another process, which may have no such tar, it is bytes."""
        return bytes, (bytes(self),)


def stored(files: "Files", name: str) -> bytes | Stored:
    """A recording's bytes, unread if ``files`` can tell their hash."""
    return files.stored(name) if isinstance(files, RawFiles) else files[name]


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
    with (
        tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar,
        tempfile.TemporaryFile(dir=path.parent) as file,
    ):
        contents = Contents(file)
        for name, content in files:
            if name in seen:
                raise InputError(f"{name}: the source has two files of this name")
            try:
                name.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"{name!r}: expected a file name in UTF-8, got {error}") from error
            if name == NAME:
                raise InputError(f"{name}: a file of this name is the table of contents")
            seen.add(name)
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
            forget_members(tar)
            contents.add(name, tar.offset - _in_blocks(len(content)), content)
        contents.write(tar)
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

    Only names, places and hashes are held in memory; bytes are read when asked for.
    """

    def __init__(self, folder: Path) -> None:
        """Index the tar of ``folder``.

        Raises:
            InputError: if the tar is not whole.
        """
        self._path = folder / FILES
        self._file = self._path.open("rb")
        self._reading = threading.Lock()
        try:
            places = read_contents(self._file, str(self._path))
        except tarfile.TarError as error:
            raise InputError(f"{self._path}: expected a whole tar, got {error}") from error
        self._places = dict(sorted(places.items()))
        # A tar that was cut between two files reads as a shorter tar without complaint.
        if len(places) != (expected := read_provenance(folder).num_files):
            raise InputError(f"{self._path}: expected {expected} files, got {len(places)}")

    def __getitem__(self, name: str) -> bytes:
        offset, size, sha256 = self._places[name]
        with self._reading:  # the thread that hands work to other processes reads too
            self._file.seek(offset)
            content = self._file.read(size)
        if len(content) != size:
            raise InputError(f"{self._path}: {name}: expected {size} bytes, got {len(content)}")
        if sha256 and (got := hashlib.sha256(content).digest()) != sha256:
            raise InputError(
                f"{self._path}: {name}: expected SHA-256 {sha256.hex()}, got {got.hex()}; "
                "was it changed since fetch wrote it?"
            )
        return content

    def stored(self, name: str) -> bytes | Stored:
        """As the mapping, but unread if the table of contents has the file's hash."""
        _, size, sha256 = self._places[name]
        return Stored(self, name, size, sha256) if sha256 else self[name]

    def open(self, name: str) -> BinaryIO:
        """A file to read in parts: a large one need not fit into memory. Close it after use."""
        offset, size, _ = self._places[name]
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


def _in_blocks(size: int) -> int:
    """Bytes that a file of ``size`` takes in a tar."""
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
