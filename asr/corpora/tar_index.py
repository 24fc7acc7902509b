"""The table of contents that ends a raw folder's tar, as a zip file has one.

It names each file before it: place, size and SHA-256, by which whoever knows a file already need
not read it. It is the tar's last file, CSV; its own last line has the table's SHA-256 and size, so
that it is found from the tar's end and never believed if damaged. An older tar has none.
"""

import csv
import hashlib
import io
import re
import tarfile
from typing import IO, BinaryIO, NamedTuple

from asr.core.errors import InputError

NAME = ".contents.csv"
_LAST_LINE = re.compile(rb"([0-9a-f]{64}),([0-9]{20})\n\0*\Z")
_MAX_END = 1 << 14  # bytes: the last line, and the zeros that fill a tar's last record of 10 240


class Place(NamedTuple):
    """Where a file lies in the tar, and what it is.

    Attributes:
        offset: in bytes.
        size: in bytes.
        sha256: None where no table says it.
    """

    offset: int
    size: int
    sha256: bytes | None


class Contents:
    """A table to be written, on disk until the tar's end: there may be a million files."""

    def __init__(self, file: IO[bytes]) -> None:
        """``file`` is an empty temporary one."""
        self._file = file
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._rows = csv.writer(self._text, lineterminator="\n")

    def add(self, name: str, offset: int, content: bytes) -> None:
        """Note a file that was written."""
        sha256 = hashlib.sha256(content).hexdigest()
        self._rows.writerow((name, offset, len(content), sha256))

    def write(self, tar: tarfile.TarFile) -> None:
        """Add the table to a tar as its last file."""
        self._text.flush()
        size = self._file.tell()
        self._file.seek(0)
        sha256 = hashlib.file_digest(self._file, "sha256").hexdigest()  # type: ignore[arg-type]
        self._file.write(f"{sha256},{size:020}\n".encode())
        header = tarfile.TarInfo(NAME)
        header.size = self._file.tell()
        self._file.seek(0)
        tar.addfile(header, self._file)


def read_contents(file: BinaryIO, name: str) -> dict[str, Place]:
    """The places of a tar's files by name.

    Args:
        file: the tar.
        name: its, for messages.

    Raises:
        InputError: if the table is damaged.
        tarfile.TarError: if there is none, and the tar is damaged.
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - _MAX_END))
    start_of_tail = file.tell()
    if not (found := _LAST_LINE.search(file.read())):
        return _scanned(file)
    expected, size = found[1].decode(), int(found[2])
    start = start_of_tail + found.start() - size
    file.seek(max(0, start))
    table = file.read(size)
    if (got := hashlib.sha256(table).hexdigest()) != expected:
        raise InputError(
            f"{name}: expected contents of {size} bytes with SHA-256 {expected}, got {got}"
        )
    rows = csv.reader(io.TextIOWrapper(io.BytesIO(table), encoding="utf-8", newline=""))
    return {
        file_name: Place(int(offset), int(size), bytes.fromhex(sha256))
        for file_name, offset, size, sha256 in rows
    }


def _scanned(file: BinaryIO) -> dict[str, Place]:
    """The places of a tar without a table."""
    places = {}
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while member := tar.next():
            forget_members(tar)
            places[member.name] = Place(member.offset_data, member.size, None)
    return places


def forget_members(tar: tarfile.TarFile) -> None:
    """Tarfile keeps a kilobyte of each file that it read or wrote."""
    tar.members = []  # type: ignore[attr-defined]
