# python -m pytest tests/test_unpacked.py
"""``unpack: true``: the files in a folder's archives, as if each were unpacked where it is."""

import gzip
import io
import tarfile

import pytest

from asr.core.errors import InputError
from asr.corpora.raw_folder import write_files
from asr.sources.corpus_source import fetch_files
from asr.sources.folder import Source
from tests.test_sources import tar, zipped
from tests.web_server import LIMITS

WAV = b"RIFF"


def brought(home, limits=LIMITS, wants=lambda name: name.endswith((".wav", ".tsv"))):
    source = Source(kind="folder", path=str(home), unpack=True, license="CC0-1.0")
    return list(fetch_files(source, wants, limits))


def put(home, **archives):
    for name, content in archives.items():
        (home / "audio" / name.replace("_", ".")).parent.mkdir(exist_ok=True)
        (home / "audio" / name.replace("_", ".")).write_bytes(content)
    return home


def test_a_file_has_the_name_that_it_would_have_if_unpacked(tmp_path):
    first = tar({"train/2.wav": b"2", "train/1.wav": b"1", "train/no.png": b"no"})
    put(tmp_path, train_tar_gz=gzip.compress(first), test_zip=zipped({"test/3.wav": b"3"}))
    (tmp_path / "test.tsv").write_bytes(b"row")
    (tmp_path / ".hidden.tar").write_bytes(b"no archive")
    assert brought(tmp_path) == [
        ("audio/test/3.wav", b"3"), ("audio/train/2.wav", b"2"), ("audio/train/1.wav", b"1"),
        ("test.tsv", b"row"),
    ]  # fmt: skip


def test_a_block_without_unpack_reads_no_archive(tmp_path):
    put(tmp_path, a_tar=b"no archive at all")
    source = Source(kind="folder", path=str(tmp_path), license="CC0-1.0")
    assert list(fetch_files(source, lambda name: True, LIMITS)) == [
        ("audio/a.tar", b"no archive at all")
    ]


def test_a_folder_without_an_archive_is_named(tmp_path):
    (tmp_path / "1.wav").write_bytes(WAV)
    with pytest.raises(InputError, match=rf"{tmp_path}: expected an archive \(unpack: true\), got"):
        brought(tmp_path)


@pytest.mark.parametrize("name", ["../../1.wav", "/etc/1.wav", "a/../../../1.wav"])
@pytest.mark.parametrize("pack", [lambda name: tar({name: b""}, ""), lambda n: zipped({n: b""})])
def test_a_path_that_leaves_the_archive_is_refused_with_both_names(tmp_path, name, pack):
    put(tmp_path, a_tar=pack(name))
    with pytest.raises(InputError, match=rf"audio/a\.tar: {name}: expected a path inside the arch"):
        brought(tmp_path)


def test_a_bomb_is_refused_with_both_names(tmp_path):
    small = LIMITS.model_copy(update={"max_file_mb": 1.0})
    put(tmp_path, a_tar_gz=gzip.compress(tar({"1.wav": bytes(1_000_001)})))
    with pytest.raises(InputError, match=r"a\.tar\.gz: 1\.wav: expected at most 1000000 bytes"):
        brought(tmp_path, small)
    # Files of allowed sizes, together 100 MB from 0.1 MB.
    many = tar({f"{n}.wav": bytes(1_000_000) for n in range(100)})
    put(tmp_path, a_tar_gz=gzip.compress(many))
    said = r"audio/a\.tar\.gz: expected at most 67108864 bytes unpacked from \d{5,6}, got more"
    with pytest.raises(InputError, match=said):
        brought(tmp_path, small)


def test_an_archive_may_be_larger_than_a_file(tmp_path):
    small = LIMITS.model_copy(update={"max_file_mb": 0.001})
    put(tmp_path, a_tar=tar({f"{n}.wav": bytes(900) for n in range(9)}))
    assert (tmp_path / "audio/a.tar").stat().st_size > 9000
    assert len(brought(tmp_path, small)) == 9


def test_a_link_in_an_archive_is_refused_by_both_names_and_the_rest_stays(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("test/1.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("test/2.wav"), io.BytesIO())
    (name, refused), other = brought(put(tmp_path, a_tar=buffer.getvalue()))
    assert (name, other) == ("audio/test/1.wav", ("audio/test/2.wav", b""))
    assert str(refused).startswith("audio/a.tar: test/1.wav: expected a file, got a link")


def test_an_archive_that_is_cut_or_no_file_is_named(tmp_path):
    put(tmp_path, a_tar_gz=gzip.compress(tar({"1.wav": WAV * 999}))[:-20])
    with pytest.raises(InputError, match=r"audio/a\.tar\.gz: expected a whole archive"):
        brought(tmp_path)
    (tmp_path / "audio/a.tar.gz").unlink()
    (tmp_path / "audio/a.tar.gz").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match=r"audio/a\.tar\.gz: .* got a link out of its folder"):
        brought(tmp_path)


def test_an_archive_that_changes_meanwhile_is_named(tmp_path):
    put(tmp_path, a_tar=tar({"1.wav": b"1", "2.wav": b"2"}))
    source = Source(kind="folder", path=str(tmp_path), unpack=True, license="CC0-1.0")
    files = fetch_files(source, lambda name: name.endswith(".wav"), LIMITS)
    next(files)
    (tmp_path / "audio/b.tar").write_bytes(tar({"3.wav": b"3"}))
    with pytest.raises(InputError, match=r"changed while it was read: \S+/audio/b\.tar;"):
        list(files)


def test_two_archives_with_a_file_of_one_name_stop_the_fetch(tmp_path):
    put(tmp_path, a_tar=tar({"1.wav": b"1"}), b_tar=tar({"1.wav": b"2"}))
    with pytest.raises(InputError, match=r"audio/1\.wav: the source has two files of this name"):
        write_files(tmp_path / "files.tar", iter(brought(tmp_path)))
