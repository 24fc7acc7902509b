"""Archives, read file by file without unpacking: .tar (plain, gz, bz2, xz, zst), .zip and .deb."""

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Self, cast

from asr.core.errors import InputError

Wants = Callable[[str], bool]

# A zip bomb unpacks to thousands of times its size; audio compresses by a small factor only.
MAX_RATIO = 100
MAX_SMALL_BYTES = 64 << 20  # always allowed, since digital silence exceeds MAX_RATIO

AR = b"!<arch>\n"
# The exceptions that the libraries raise for a truncated or damaged archive.
_ARCHIVE_ERRORS = (
    EOFError,
    OSError,
    ValueError,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,  # zipfile raises it for an unsupported compression method
    RuntimeError,
    struct.error,
    zlib.error,
)


def read_archive(path: Path, wants: Wants) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the wanted files, in the archive's order.

    The content determines the format, not the file's name. Only one file is in memory at a time.

    Raises:
        InputError: if the file is not an archive, is truncated, damaged or a zip bomb, or if a
            wanted member is a link or encrypted, or has a path that leaves the archive's folder.
    """
    try:
        if zipfile.is_zipfile(path):
            yield from _read_zip(path, wants)
        else:
            yield from _read_tar(path, wants)
    except _ARCHIVE_ERRORS as error:
        raise InputError(f"{path}: expected a whole archive, got {error}") from error


def _read_zip(path: Path, wants: Wants) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        # zipfile unpacks no more of a member than its header declares, so the headers suffice.
        _check_size(sum(member.file_size for member in archive.infolist()), path)
        for member in archive.infolist():
            name = _without_dot_slash(member.filename)
            if member.is_dir() or not wants(name):
                continue
            if member.external_attr >> 16 & 0o170000 == 0o120000 or member.flag_bits & 1:
                raise InputError(f"{path}: {name}: expected a file, got a link or encrypted file")
            yield _checked_path(name, path), archive.read(member)


def _read_tar(path: Path, wants: Wants) -> Iterator[tuple[str, bytes]]:
    with _SizeLimited(_tar_stream(path), path) as stream:
        with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r|") as archive:
            for member in archive:
                name = _without_dot_slash(member.name)
                if member.isdir() or not wants(name):
                    continue
                file = archive.extractfile(member) if member.isreg() else None
                if file is None:
                    raise InputError(f"{path}: {name}: expected a file, got a link or device")
                yield _checked_path(name, path), file.read()
        # tarfile accepts a stream that was cut between two files. The decompressor raises an error
        # only when the end of the compressed data is read.
        while stream.read(1 << 20):
            pass


def _tar_stream(path: Path) -> Any:
    """Open the tar, or the data.tar of a .deb, as a stream that decompresses while it is read."""
    import pyarrow

    with path.open("rb") as file:
        start, size = (
            _deb_data(path, file) if file.read(len(AR)) == AR else (0, path.stat().st_size)
        )
        file.seek(start)
        magic = file.read(6)
    section = pyarrow.OSFile(str(path)).get_stream(start, size)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(section)
    if magic.startswith(b"BZh"):
        return bz2.open(section)
    if magic.startswith(b"\xfd7zXZ\x00"):
        return lzma.open(section)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return pyarrow.CompressedInputStream(section, "zstd")  # not in Python before 3.14
    if size % tarfile.BLOCKSIZE:
        # tarfile would read the files before the cut and report no error.
        raise tarfile.TarError(f"{size} bytes, not a multiple of {tarfile.BLOCKSIZE}")
    return section


class _SizeLimited:
    """A decompressed stream that raises ``InputError`` when it exceeds the size limit."""

    def __init__(self, stream: Any, path: Path) -> None:
        self._stream, self._path, self._num_bytes = stream, path, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int) -> bytes:
        content: bytes = self._stream.read(size)
        self._num_bytes += len(content)
        _check_size(self._num_bytes, self._path)
        return content


def _check_size(num_bytes: int, path: Path) -> None:
    """Raise ``InputError`` if an archive unpacks to more bytes than its size allows."""
    limit = max(MAX_SMALL_BYTES, MAX_RATIO * path.stat().st_size)
    if num_bytes > limit:
        raise InputError(
            f"{path}: expected at most {limit} bytes unpacked from {path.stat().st_size}, got more"
        )


def _deb_data(path: Path, file: BinaryIO) -> tuple[int, int]:
    """Return offset and size, in bytes, of data.tar.* in a .deb: see deb(5) and ar(5).

    A .deb is an ar archive. Each member starts at an even offset with a header of 60 bytes: the
    name is in bytes 0 to 15, the size in bytes 48 to 57.
    """
    while len(header := file.read(60)) == 60:
        name, size, start = header[:16].decode().strip(" /"), int(header[48:58]), file.tell()
        if name.startswith("data.tar"):
            if start + size > path.stat().st_size:
                raise EOFError(f"{path.stat().st_size} bytes, where {name} ends at {start + size}")
            return start, size
        file.seek(start + size + size % 2)
    raise EOFError("a .deb without data.tar")


def _without_dot_slash(name: str) -> str:
    """Remove the ``./`` with which many tar files start their names."""
    return name.removeprefix("./")


def _checked_path(name: str, path: Path) -> str:
    """Return ``name``; raise ``InputError`` if it points outside the archive's folder."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name.replace("\\", "/")).parts:
        raise InputError(
            f"{path}: {name}: expected a path inside the archive, got one that leaves it"
        )
    return name
