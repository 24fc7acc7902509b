"""The table of contents at the end of a raw folder's tar, as a zip file has one.

It is the tar's last file: a CSV with the offset, size and SHA-256 of each file before it. So a
reader can seek to any file, and a cache can look a file up by its hash without reading it. The last
line has the SHA-256 and size of the table: the table is found from the tar's end, and checked.
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
    """A file's line in the table.

    Attributes:
        offset: of its content in the tar, in bytes.
        size: in bytes.
        sha256: of its content.
    """

    offset: int
    size: int
    sha256: bytes


class Contents:
    """The table of a tar that is being written; on disk, since there may be a million files."""

    def __init__(self, file: IO[bytes]) -> None:
        """Collect lines in ``file``, an empty temporary file."""
        self._file = file
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._rows = csv.writer(self._text, lineterminator="\n")

    def add(self, name: str, offset: int, content: bytes) -> None:
        """Add a file that was written."""
        sha256 = hashlib.sha256(content).hexdigest()
        self._rows.writerow((name, offset, len(content), sha256))

    def write(self, tar: tarfile.TarFile) -> None:
        """Write the table to a tar as its last file."""
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
    """Read the table of a tar.

    Args:
        file: the tar.
        name: of the tar, for messages.

    Returns:
        The places of its files by name.

    Raises:
        InputError: if there is no table at the tar's end, or it is damaged.
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - _MAX_END))
    start_of_tail = file.tell()
    if not (found := _LAST_LINE.search(file.read())):
        raise InputError(f"{name}: expected a table of contents at its end: is it cut off?")
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


def free_members(tar: tarfile.TarFile) -> None:
    """Free what tarfile holds of each file that it wrote: a kilobyte."""
    tar.members = []  # type: ignore[attr-defined]
