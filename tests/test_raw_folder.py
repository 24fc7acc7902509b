# python -m pytest tests/test_raw_folder.py
import io
import pickle

import pytest

from asr.core.errors import InputError
from asr.corpora.raw_folder import (
    FILES,
    Provenance,
    RawFiles,
    read_head,
    read_provenance,
    stored,
    write_files,
    write_provenance,
)
from asr.corpora.recording import Stored, sha256_of_audio

SOURCE = Provenance(kind="folder", origin="corpus", sha256=None, license="CC0-1.0", num_files=3)


def write(folder, files, num_files=3):
    write_files(folder / FILES, files)
    write_provenance(folder, SOURCE.model_copy(update={"num_files": num_files}))


@pytest.fixture
def raw(tmp_path):
    write(tmp_path, [("b/ž.ogg", b"sound"), ("a.txt", b""), ("a" * 200, bytes(700))])
    return tmp_path


def test_files_come_back_in_the_order_of_names(raw):
    files = RawFiles(raw)
    assert list(files) == ["a.txt", "a" * 200, "b/ž.ogg"]
    assert files["b/ž.ogg"] == b"sound"
    assert files["a" * 200] == bytes(700)
    assert "a.txt" in files and "c.txt" not in files
    assert len(files) == 3


def test_a_file_is_read_in_parts_or_not_at_all(raw):
    files = RawFiles(raw)
    assert isinstance(stored(files, "b/ž.ogg"), Stored)
    assert stored({"a": b"1"}, "a") == b"1"
    assert read_head(files, "b/ž.ogg", 3) == read_head({"a": b"sound"}, "a", 3) == b"sou"
    with files.open("b/ž.ogg") as file:
        assert file.readable() and file.seekable()
        assert (file.read(2), file.read(), file.read()) == (b"so", b"und", b"")
        assert (file.seek(-2, io.SEEK_END), file.read(9)) == (3, b"nd")
        assert (file.seek(1), file.seek(1, io.SEEK_CUR), file.read(1)) == (1, 2, b"u")
        assert (file.seek(9), file.read()) == (9, b"")
        with pytest.raises(OSError, match="seek to -1, before the file's beginning"):
            file.seek(-6, io.SEEK_END)


def overwrite(path, old, new):
    """Change bytes in place; the size stays."""
    content = path.read_bytes()
    assert content.count(old) == 1 and len(old) == len(new)
    path.write_bytes(content.replace(old, new))


def test_a_file_is_known_by_its_hash_and_checked_when_it_is_read(raw):
    sound = RawFiles(raw).stored("b/ž.ogg")
    assert (len(sound), bytes(sound), pickle.loads(pickle.dumps(sound))) == (5, b"sound", b"sound")
    overwrite(raw / FILES, b"sound", b"noise")
    changed = RawFiles(raw).stored("b/ž.ogg")
    assert sha256_of_audio(changed) == sha256_of_audio(b"sound")
    with pytest.raises(InputError, match=r"b/ž.ogg: expected SHA-256 \w+, got \w+; was it changed"):
        bytes(changed)


def test_a_damaged_table_of_contents_is_refused(raw):
    overwrite(raw / FILES, b"\na.txt,", b"\nb.txt,")
    with pytest.raises(
        InputError, match=r"files\.tar: expected contents of \d+ bytes with SHA-256"
    ):
        RawFiles(raw)


def test_the_name_of_the_table_is_taken(tmp_path):
    with pytest.raises(InputError, match=r"\.contents\.csv: a file of this name is the table"):
        write_files(tmp_path / FILES, [(".contents.csv", b"1")])


def test_the_same_files_give_the_same_bytes(tmp_path):
    write_files(tmp_path / "one.tar", [("a", b"1"), ("b", b"2")])
    write_files(tmp_path / "two.tar", [("a", b"1"), ("b", b"2")])
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_name_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.txt: the source has two files of this name"):
        write_files(tmp_path / FILES, [("a.txt", b"1"), ("a.txt", b"2")])


def test_a_name_that_is_no_utf8_is_refused(tmp_path):
    name = b"caf\xe9.wav".decode(errors="surrogateescape")  # as Python reads such a folder
    with pytest.raises(InputError, match=r"'caf\\udce9\.wav': expected a file name in UTF-8, got"):
        write_files(tmp_path / FILES, [(name, b"1")])


@pytest.mark.parametrize("num_blocks", range(8))
def test_a_tar_that_was_cut_is_refused_wherever_it_was(tmp_path, num_blocks):
    # Two files of one header and three blocks each: 8 blocks of 512 bytes, then the end's zeros.
    write(tmp_path, [("a", bytes(1500)), ("b", bytes(1500))], num_files=2)
    tar = tmp_path / FILES
    for size in (num_blocks * 512, num_blocks * 512 + 100):
        tar.write_bytes(tar.read_bytes()[:size])
        with pytest.raises(InputError, match=r"files\.tar: expected"):
            RawFiles(tmp_path)


def test_damaged_provenance_names_file_and_key(raw):
    path = raw / "source.json"
    path.write_text(path.read_text().replace('"folder"', '"magic"'))
    with pytest.raises(InputError, match=r"source\.json: .*kind"):
        read_provenance(raw)
