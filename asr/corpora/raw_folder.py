"""The raw folder of a corpus: the source's files, unchanged, in one tar, and ``source.json``.

``refused.csv`` is there if the source has links or devices, which are not stored.

The tar ends with a table of contents that has each file's SHA-256 (``asr/corpora/tar_index.py``).
Reading a file checks its bytes against that hash. The cache of `prepare` takes the hash from the
table without reading the file, as DVC takes the hash of the whole folder from its lock.
"""

import hashlib
import io
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pydantic import Field, ValidationError

from asr.core.csv_files import read_csv
from asr.core.errors import InputError, faults
from asr.core.files import read_json, write_json
from asr.core.schema import Schema
from asr.corpora.audio_content import may_hold_audio
from asr.corpora.recording import Files, Recording, Stored, StoredFiles
from asr.corpora.tar_index import NAME, Contents, free_members, read_contents

FILES = "files.tar"
PROVENANCE = "source.json"
REFUSED = "refused.csv"
REFUSED_COLUMNS = ("file", "why")


def stored(files: Files, name: str) -> bytes | Stored:
    """A recording's bytes: unread where ``files`` has their hash."""
    return files.stored(name) if isinstance(files, StoredFiles) else files[name]


def refused(files: Files) -> Mapping[str, str]:
    """By name, the links and devices that fetch did not store, and why."""
    return files.refused if isinstance(files, StoredFiles) else {}


def read_head(files: Files, name: str, size: int) -> bytes:
    """The first ``size`` bytes of a file."""
    if not isinstance(files, StoredFiles):
        return files[name][:size]
    with files.open(name) as file:
        return file.read(size)


class Provenance(Schema):
    """Where a corpus's files came from; ``source.json`` beside them.

    Attributes:
        kind: of the source, as in ``conf/sources.yaml``.
        origin: ``package=version``, path or address.
        sha256: of the package or archive, in hexadecimal; None where there is no such file.
        license: SPDX identifier of the files' license.
        num_files: files in the tar, so that a shortened tar is noticed.
    """

    kind: Literal["debian", "folder", "archive", "https", "hub", "datasets", "sql"]
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
            free_members(tar)
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


def read_refused(folder: Path) -> dict[str, str]:
    """By name, why fetch refused links and devices of a raw folder's source."""
    if not (listed := folder / REFUSED).is_file():
        return {}
    return {row["file"]: row["why"] for row in read_csv(listed, REFUSED_COLUMNS)}


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
        self._places = dict(sorted(read_contents(self._file, str(self._path)).items()))
        # The tar of another corpus, or of another run.
        if (num := len(self._places)) != (expected := read_provenance(folder).num_files):
            raise InputError(f"{self._path}: expected {expected} files, got {num}")
        self.refused = read_refused(folder)

    def __getitem__(self, name: str) -> bytes:
        offset, size, sha256 = self._places[name]
        with self._reading:  # the thread that hands work to other processes reads too
            self._file.seek(offset)
            content = self._file.read(size)
        if len(content) != size:
            raise InputError(f"{self._path}: {name}: expected {size} bytes, got {len(content)}")
        if (got := hashlib.sha256(content).digest()) != sha256:
            raise InputError(
                f"{self._path}: {name}: expected SHA-256 {sha256.hex()}, got {got.hex()}; "
                "was it changed since fetch wrote it?"
            )
        return content

    def stored(self, name: str) -> Stored:
        """A file's bytes, unread, with their hash."""
        _, size, sha256 = self._places[name]
        return Stored(self, name, size, sha256)

    def open(self, name: str) -> BinaryIO:
        """A file to read in parts: a large one need not fit into memory. Close it after use."""
        offset, size, _ = self._places[name]
        return io.BufferedReader(_Section(self._path, offset, size), 1 << 16)

    def recordings(self, name: str, read: Callable[[], Iterator[Recording]]) -> Iterator[Recording]:
        """What ``read`` yields of a file."""
        return read()

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


def audio_bytes(folder: Path) -> int:
    """The size of the recordings in a raw folder, or of the tables that hold them."""
    with (folder / FILES).open("rb") as file:
        places = read_contents(file, str(folder / FILES))
    return sum(place.size for name, place in places.items() if may_hold_audio(name))


def _in_blocks(size: int) -> int:
    """Bytes that a file of ``size`` takes in a tar."""
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
