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

# A bomb unpacks to thousands of times its size, a corpus to a few: sound hardly shrinks.
MAX_RATIO = 100
MAX_SMALL_BYTES = 64 << 20  # what even the smallest archive may unpack to: digital silence, zeros

AR = b"!<arch>\n"
# What the libraries raise at an archive that was cut or damaged.
_BROKEN = (
    EOFError,
    OSError,
    ValueError,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,  # zipfile's, at a compression that it does not know
    RuntimeError,
    struct.error,
    zlib.error,
)


def read_archive(path: Path, wants: Wants) -> Iterator[tuple[str, bytes]]:
    """The files of an archive that are wanted, name and content, in the archive's order.

    The format is told by the content, not the file's name. Only one file is held in memory.

    Raises:
        InputError: if the archive is no archive, not whole, a bomb, or holds a wanted name that
            leaves its folder, or a link in a wanted file's place.
    """
    try:
        if zipfile.is_zipfile(path):
            yield from _read_zip(path, wants)
        else:
            yield from _read_tar(path, wants)
    except _BROKEN as error:
        raise InputError(f"{path}: expected a whole archive, got {error}") from error


def _read_zip(path: Path, wants: Wants) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        # What is unpacked is never more than what a member's header says.
        _check_size(sum(member.file_size for member in archive.infolist()), path)
        for member in archive.infolist():
            name = _name(member.filename)
            if member.is_dir() or not wants(name):
                continue
            if member.external_attr >> 16 & 0o170000 == 0o120000 or member.flag_bits & 1:
                raise InputError(f"{path}: {name}: expected a file, got a link or encrypted file")
            yield _inside(name, path), archive.read(member)


def _read_tar(path: Path, wants: Wants) -> Iterator[tuple[str, bytes]]:
    with _Bounded(_tar_stream(path), path) as stream:
        with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r|") as archive:
            for member in archive:
                name = _name(member.name)
                if member.isdir() or not wants(name):
                    continue
                file = archive.extractfile(member) if member.isreg() else None
                if file is None:
                    raise InputError(f"{path}: {name}: expected a file, got a link or device")
                yield _inside(name, path), file.read()
        # tarfile takes a stream that ends between two files for a whole one; the decompressor
        # knows better, once it is asked for the end.
        while stream.read(1 << 20):
            pass


def _tar_stream(path: Path) -> Any:
    """The tar in ``path``, a binary file that is decompressed as it is read."""
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
        # tarfile would take the files before the cut for all there are.
        raise tarfile.TarError(f"{size} bytes, not a multiple of {tarfile.BLOCKSIZE}")
    return section


class _Bounded:
    """A decompressed stream that ends in an error where a bomb goes on."""

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
    """Stop before the memory or the disk is full of what an archive unpacks to."""
    limit = max(MAX_SMALL_BYTES, MAX_RATIO * path.stat().st_size)
    if num_bytes > limit:
        raise InputError(
            f"{path}: expected at most {limit} bytes unpacked, {MAX_RATIO} times its size, got more"
        )


def _deb_data(path: Path, file: BinaryIO) -> tuple[int, int]:
    """Start and size of data.tar.* in a .deb, which is an ar archive: see deb(5) and ar(5).

    Each member has a header of 60 bytes, name in the first 16 and size in bytes 48 to 58, and
    starts at an even place.
    """
    while len(header := file.read(60)) == 60:
        name, size, start = header[:16].decode().strip(" /"), int(header[48:58]), file.tell()
        if name.startswith("data.tar"):
            if start + size > path.stat().st_size:
                raise EOFError(f"{path.stat().st_size} bytes, where {name} ends at {start + size}")
            return start, size
        file.seek(start + size + size % 2)
    raise EOFError("a .deb without data.tar")


def _name(name: str) -> str:
    """The name without the ``./`` that tar puts in front."""
    return name.removeprefix("./")


def _inside(name: str, path: Path) -> str:
    """``name``, if it stays in the folder an archive would be unpacked to."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name.replace("\\", "/")).parts:
        raise InputError(
            f"{path}: {name}: expected a path inside the archive, got one that leaves it"
        )
    return name
