"""Archives, read file by file without unpacking: .tar (plain, gz, bz2, xz, zst), .zip and .deb."""

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Self, cast

from asr.core.errors import InputError
from asr.sources.params import FetchParams

Wants = Callable[[str], bool]
Content = bytes | InputError  # an error in place of a file that is no file, such as a link

# A zip bomb unpacks to thousands of times its size; audio compresses by a small factor only.
MAX_RATIO = 100
MAX_SMALL_BYTES = 64 << 20  # always allowed, since digital silence exceeds MAX_RATIO
MAX_HEADER_BYTES = 1 << 20  # of a name or a pax header, which tarfile holds in memory
ZIP_CHUNK = 1 << 12  # zipfile unpacks at once what it reads at once: of LZMA up to 28 MB

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


def read_archive(path: Path, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield (name, content) of the wanted files, in the archive's order.

    The content determines the format, not the file's name. Only one file is in memory at a time.
    A wanted member that is a link or a device has an ``InputError`` in place of its content.

    Raises:
        InputError: if the file is not an archive, is truncated, damaged or a zip bomb, has a
            sparse member, or if a wanted member is encrypted, is larger than
            ``fetch.max_file_mb``, or has a path that leaves the archive's folder.
    """
    try:
        if zipfile.is_zipfile(path):
            yield from _read_zip(path, wants, limits)
        else:
            yield from _read_tar(path, wants, limits)
    except _ARCHIVE_ERRORS as error:
        raise InputError(f"{path}: expected a whole archive, got {error}") from error


def _read_zip(path: Path, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    with zipfile.ZipFile(path) as archive:
        # No member may unpack to more than its header declares, so the headers suffice.
        _check_size(sum(member.file_size for member in archive.infolist()), path)
        for member in archive.infolist():
            name = _without_dot_slash(member.filename)
            if member.is_dir() or not wants(name):
                continue
            if member.flag_bits & 1:
                raise InputError(f"{path}: {name}: expected a file, got an encrypted one")
            _check_file_size(max(member.file_size, member.compress_size), name, path, limits)
            yield (
                _checked_path(name, path),
                _no_file(name)
                if stat.S_ISLNK(member.external_attr >> 16)
                else _unzipped(archive, member, name),
            )


def _unzipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    """Read a member without unpacking more than its declared size.

    ``ZipFile.read`` unpacks all of a bzip2 or LZMA member, and then returns the declared size. Of
    bzip2 even 4 KiB may hold gigabytes, so such a member is read as it is and unpacked here.
    """
    if member.compress_type == zipfile.ZIP_BZIP2:
        packed = copy(member)
        packed.compress_type, packed.file_size = zipfile.ZIP_STORED, member.compress_size
        packed.CRC = None  # type: ignore[assignment]  # of the packed bytes: unknown
        content = bz2.BZ2Decompressor().decompress(
            archive.read(packed), max_length=member.file_size + 1
        )
    else:
        with archive.open(member) as file:
            content = b"".join(iter(partial(file.read, ZIP_CHUNK), b""))
    if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
        raise zipfile.BadZipFile(f"{name}: content that has not its declared size and CRC")
    return content


def _read_tar(path: Path, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    with _SizeLimited(_tar_stream(path), path) as stream:
        file_object = cast(BinaryIO, stream)
        with tarfile.open(fileobj=file_object, mode="r|", tarinfo=_TarHeader) as archive:
            for member in archive:
                name = _without_dot_slash(member.name)
                if member.issparse():
                    raise _sparse(name)
                if member.isdir() or not wants(name):
                    continue
                _check_file_size(member.size, name, path, limits)
                file = archive.extractfile(member) if member.isreg() else None
                yield _checked_path(name, path), _no_file(name) if file is None else file.read()
        # tarfile accepts a stream that was cut between two files. The decompressor raises an error
        # only when the end of the compressed data is read.
        while stream.read(1 << 20):
            pass


class _TarHeader(tarfile.TarInfo):
    """Refuses a header for which tarfile would take more memory than the archive has bytes.

    A sparse member of 1,536 bytes may unpack to 3 GiB of zeros, and its map alone may be large.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise _sparse(header.name)
        if header.type in _EXTENSIONS and header.size > MAX_HEADER_BYTES:
            raise tarfile.TarError(f"a header of {header.size} bytes, at most {MAX_HEADER_BYTES}")
        return header

    # tarfile calls it for a sparse map in the pax format 1.0, and has no public way to refuse one.
    def _proc_gnusparse_10(self, member: tarfile.TarInfo, *_: object) -> None:
        raise _sparse(member.name)


_EXTENSIONS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip


def _sparse(name: str) -> tarfile.TarError:
    return tarfile.TarError(f"the sparse file {name}: pack it without --sparse")


def _no_file(name: str) -> InputError:
    return InputError(f"{name}: expected a file, got a link or a device in the archive")


def _check_file_size(num_bytes: int, name: str, path: Path, limits: FetchParams) -> None:
    """Raise ``InputError`` if a member declares more bytes than a corpus's file may have."""
    if num_bytes > limits.max_bytes:
        raise InputError(f"{path}: {name}: {limits.too_large(num_bytes)}")


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
