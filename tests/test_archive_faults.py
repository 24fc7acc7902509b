# python -m pytest tests/test_archive_faults.py
"""Archives that mean harm: each is refused by name, and nothing is written anywhere."""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile

import pyarrow
import pytest

from asr.core.errors import InputError
from asr.sources.archives import read_archive

ZEROS = bytes(1 << 20)
LIMIT = 4 << 20  # instead of 64 MiB, for quick tests


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    monkeypatch.setattr("asr.sources.archives.MAX_SMALL_BYTES", LIMIT)


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
LEAVING = [
    "../a", "../../a", "a/../../b", "/a", "/etc/passwd", "//a", "..\\a", "a\\..\\..\\b", "./../a",
    "a/./../../b", "..", "a/..", "/..", "../a.wav", "./../../a", "wav/../../../a", "\\..\\a",
]  # fmt: skip
LINKS = {
    "a symbolic link": tarfile.SYMTYPE, "a hard link": tarfile.LNKTYPE,
    "a device": tarfile.CHRTYPE, "a disk": tarfile.BLKTYPE, "a pipe": tarfile.FIFOTYPE,
}  # fmt: skip
TARGETS = ["/etc/passwd", "../outside", "a.wav", "../../../../root/.ssh/id_rsa", "."]


def tar(*headers, **fields):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in headers:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            for key, value in fields.items():
                setattr(header, key, value)
            archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def zipped(name, content=b"", mode=0o100644):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(name)
        member.compress_type = zipfile.ZIP_DEFLATED
        member.external_attr = mode << 16
        archive.writestr(member, content)
    return buffer.getvalue()


@pytest.fixture
def refused(tmp_path):
    """Checks that an archive is refused with a message, and that no file came of it."""

    def check(content, message):
        path = tmp_path / "archive"
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"archive: .*{message}"):
            list(read_archive(path, lambda name: True))
        assert list(tmp_path.iterdir()) == [path]

    return check


@pytest.mark.parametrize("name", LEAVING)
@pytest.mark.parametrize("packer", ["tar", "tar.gz", "zip"])
def test_names_that_leave_the_archive(refused, name, packer):
    content = {
        "tar": lambda: tar((name, b"x")),
        "tar.gz": lambda: gzip.compress(tar((name, b"x"))),
        "zip": lambda: zipped(name, b"x"),
    }[packer]()
    refused(content, "expected a path inside the archive, got one that leaves it")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("packer", [None, "gz"])
def test_links_and_devices_in_a_tar(refused, kind, target, packer):
    content = tar(("a.wav", b""), type=LINKS[kind], linkname=target)
    refused(PACKERS[packer](content) if packer else content, "expected a file, got a link or dev")


@pytest.mark.parametrize("target", TARGETS)
def test_links_in_a_zip(refused, target):
    refused(zipped("a.wav", target.encode(), mode=0o120777), "expected a file, got a link")


def bomb(packer, num_mib=6):
    """A small archive of very many zeros; the tar's own file is as large, so it is whole."""
    if packer == "zip":
        return zipped("a.wav", ZEROS * num_mib)
    whole = tar(("a.wav", ZEROS * num_mib))
    if packer == "zst":
        buffer = pyarrow.BufferOutputStream()
        with pyarrow.CompressedOutputStream(buffer, "zstd") as stream:
            stream.write(whole)
        return buffer.getvalue().to_pybytes()
    return PACKERS[packer](whole)


@pytest.mark.parametrize("packer", ["gz", "bz2", "xz", "zst", "zip"])
def test_bombs(refused, packer):
    refused(bomb(packer), f"expected at most {LIMIT} bytes unpacked from")


def test_a_bomb_between_unwanted_files_is_refused_too(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(bomb("gz"))
    with pytest.raises(InputError, match="bytes unpacked"):
        list(read_archive(path, lambda name: False))


def test_a_name_of_a_hundred_megabytes_is_not_read_into_memory(tmp_path):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 100 << 20
    path = tmp_path / "archive"
    path.write_bytes(gzip.compress(header.tobuf() + ZEROS * 100))
    tracemalloc.start()
    with pytest.raises(InputError):
        list(read_archive(path, lambda name: True))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * LIMIT


def test_a_quiet_corpus_is_no_bomb(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(bomb("gz", num_mib=2))
    (file,) = read_archive(path, lambda name: True)
    assert len(file[1]) == 2 << 20
