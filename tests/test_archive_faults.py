# python -m pytest tests/test_archive_faults.py
"""Archives that mean harm: each, or its link, is refused by name; nothing is written."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import tracemalloc
import zipfile
from contextlib import contextmanager

import pyarrow
import pytest

from asr.core.errors import InputError
from asr.sources.archives import read_archive
from tests.web_server import LIMITS

ZEROS = bytes(1 << 20)
LIMIT = 4 << 20  # instead of 64 MiB, for quick tests


@contextmanager
def peak_below(num_bytes):
    """The block allocates less than this at any moment."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < num_bytes


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
            list(read_archive(path, lambda name: True, LIMITS))
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


def assert_no_content(folder, content):
    """The archive's only file has an error in place of its content, and no file came of it."""
    path = folder / "archive"
    path.write_bytes(content)
    ((name, error),) = read_archive(path, lambda name: True, LIMITS)
    assert (name, type(error)) == ("a.wav", InputError)
    assert str(error) == "a.wav: expected a file, got a link or a device in the archive"
    assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("packer", [None, "gz"])
def test_links_and_devices_in_a_tar(tmp_path, kind, target, packer):
    content = tar(("a.wav", b""), type=LINKS[kind], linkname=target)
    assert_no_content(tmp_path, PACKERS[packer](content) if packer else content)


@pytest.mark.parametrize("target", TARGETS)
def test_links_in_a_zip(tmp_path, target):
    assert_no_content(tmp_path, zipped("a.wav", target.encode(), mode=0o120777))


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
        list(read_archive(path, lambda name: False, LIMITS))


def test_a_name_of_a_hundred_megabytes_is_not_read_into_memory(tmp_path):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 100 << 20
    path = tmp_path / "archive"
    path.write_bytes(gzip.compress(header.tobuf() + ZEROS * 100))
    with peak_below(4 * LIMIT), pytest.raises(InputError):
        list(read_archive(path, lambda name: True, LIMITS))


def test_a_quiet_corpus_is_no_bomb(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(bomb("gz", num_mib=2))
    (file,) = read_archive(path, lambda name: True, LIMITS)
    assert len(file[1]) == 2 << 20


def sparse_tar(version, real_size, num_entries=1):
    """A tar with one sparse member of 512 bytes of data, as GNU tar writes it by version."""
    data = b"x" * 512
    if version == "old":
        header = tarfile.TarInfo("a.wav")
        header.type, header.size = tarfile.GNUTYPE_SPARSE, len(data)
        block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
        block[386:410] = b"%011o\0%011o\0" % (0, len(data))
        block[483:495] = b"%011o\0" % real_size
        block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:512]) + 8 * 32)
        return bytes(block) + data
    pax = {
        "0.0": {"GNU.sparse.size": str(real_size), "GNU.sparse.numblocks": "1",
                "GNU.sparse.offset": "0", "GNU.sparse.numbytes": "512"},
        "0.1": {"GNU.sparse.map": "0,512", "GNU.sparse.size": str(real_size)},
        "1.0": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                "GNU.sparse.name": "a.wav", "GNU.sparse.realsize": str(real_size)},
    }[version]  # fmt: skip
    if version == "1.0":
        table = b"%d\n" % num_entries + b"0\n512\n" * num_entries
        data = table + bytes(-len(table) % 512) + data
    header = tarfile.TarInfo("a.wav")
    header.size, header.pax_headers = len(data), pax
    return header.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize("version", ["old", "0.0", "0.1", "1.0"])
def test_a_sparse_member_is_refused_before_it_takes_memory(tmp_path, version):
    path = tmp_path / "archive"
    path.write_bytes(sparse_tar(version, real_size=3 << 30))
    assert path.stat().st_size <= 3 << 10
    with peak_below(1 << 20):
        for wanted in (True, False):
            with pytest.raises(InputError, match=r"got the sparse file a\.wav: pack it without"):
                list(read_archive(path, lambda name, wanted=wanted: wanted, LIMITS))


def test_the_map_of_a_sparse_member_is_not_read(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(gzip.compress(sparse_tar("1.0", real_size=512, num_entries=400_000)))
    with peak_below(1 << 20), pytest.raises(InputError, match="got the sparse file"):
        list(read_archive(path, lambda name: True, LIMITS))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_member_that_is_larger_than_it_declares(tmp_path, method):
    """bzip2 and LZMA have no limit in ``ZipFile.read``: 200 MiB for a member of «100 bytes»."""
    content = bytes(200 << 20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.wav", content)
    honest = buffer.getvalue()
    assert honest.count(len(content).to_bytes(4, "little")) == 2  # in both headers
    size = len(content).to_bytes(4, "little")
    path = tmp_path / "archive"
    path.write_bytes(honest.replace(size, (100).to_bytes(4, "little")))
    message = "archive: expected a whole archive, got "
    with peak_below(100 << 20), pytest.raises(InputError, match=message):
        list(read_archive(path, lambda name: True, LIMITS))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_any_method_is_read(tmp_path, method):
    path = tmp_path / "archive"
    files = [("a.wav", random.Random(1).randbytes(300_000)), ("b.wav", b"")]
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    assert list(read_archive(path, lambda name: True, LIMITS)) == files


@pytest.mark.parametrize("pack", [lambda c: tar(("a.wav", c)), lambda c: zipped("a.wav", c)])
def test_one_file_is_bounded_whatever_the_archive(tmp_path, pack):
    limits = LIMITS.model_copy(update={"max_file_mb": 0.001})
    path = tmp_path / "archive"
    for num_bytes in (1000, 1001):
        path.write_bytes(pack(bytes(num_bytes)))
        files = read_archive(path, lambda name: True, limits)
        if num_bytes == 1000:
            assert list(files) == [("a.wav", bytes(1000))]
            continue
        with pytest.raises(InputError, match=r"a\.wav: expected at most 1000 bytes \(fetch\.max_"):
            list(files)
        assert list(read_archive(path, lambda name: False, limits)) == []
