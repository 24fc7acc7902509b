# python -m pytest tests/test_files.py
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.core.files import atomic_file, atomic_folder, fingerprint, read_json, sha256_of, write_json

ROOT = Path(__file__).parents[1]


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_file(path) as beside:
        beside.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_an_error_leaves_the_old_file_and_no_part_of_the_new(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(path) as beside:
        beside.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path):
    path = tmp_path / "folder"
    for name in ("first", "second"):
        with atomic_folder(path) as beside:
            (beside / name).write_text(name)
    assert [file.name for file in path.iterdir()] == ["second"]
    with pytest.raises(RuntimeError), atomic_folder(path) as beside:
        (beside / "third").write_text("half")
        raise RuntimeError
    assert [file.name for file in path.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def synced(monkeypatch):
    """Inodes of the files that went to the disk, by the real fsync."""
    inodes = set()
    fsync = os.fsync

    def observed(descriptor):
        fsync(descriptor)
        inodes.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", observed)
    return inodes


def test_what_is_renamed_is_on_the_disk(tmp_path, synced):
    """Otherwise a power cut after the rename may leave an empty file of the right name."""
    seen = []
    replace = Path.replace

    def observed(partial, path):
        files = [partial] if partial.is_file() else [f for f in partial.rglob("*") if f.is_file()]
        seen.extend(file.name for file in files if file.stat().st_ino in synced)
        return replace(partial, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", observed)
        write_json(tmp_path / "a.json", 1)
        with atomic_folder(tmp_path / "folder") as partial:
            (partial / "deep").mkdir()
            (partial / "b").write_text("b")
            (partial / "deep" / "c").write_text("c")
    assert len(seen) == 3  # synced before the rename, not after it
    inodes = {(tmp_path / name).stat().st_ino for name in ("a.json", "folder/b", "folder/deep/c")}
    assert inodes <= synced


KILLED = """
import os, signal
from pathlib import Path
from asr.core.files import atomic_folder
with atomic_folder(Path("data/prepared/be")) as partial:
    (partial / "00000.parquet").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.integration
def test_a_killed_write_leaves_nothing_among_the_outs(tmp_path, monkeypatch):
    """data/prepared is a dep of split, so a file there would change its hash."""
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert list(Path("data/prepared").iterdir()) == []
    assert len(list(Path(".dvc/tmp/partial").rglob("00000.parquet"))) == 1
    with atomic_file(Path("data/rejects/be.csv")) as partial:
        partial.write_text("id")
        write_json(Path("data/other.json"), 1)  # a write in a write
        assert len(list(Path(".dvc/tmp/partial").iterdir())) == 1
    assert list(Path(".dvc/tmp/partial").iterdir()) == []
    assert Path("data/rejects/be.csv").read_text() == "id"


def test_an_out_on_another_disk_is_copied(tmp_path, monkeypatch, small_disk):
    monkeypatch.chdir(tmp_path)
    Path("data").symlink_to(small_disk)
    write_json(Path("data/a.json"), 1)
    with atomic_folder(Path("data/b")) as partial:
        (partial / "c").write_text("whole")
    assert Path("data/b/c").read_text() == "whole"
    full = r"data/b: can't be written: .*No space left"
    with pytest.raises(InputError, match=full), atomic_folder(Path("data/b")) as partial:
        (partial / "c").write_bytes(bytes(10**6))
    assert Path("data/b/c").read_text() == "whole"
    assert sorted(path.name for path in small_disk.iterdir()) == ["a.json", "b"]


@pytest.fixture(params=[0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_what_was_written_can_be_read_as_the_umask_says(umask, tmp_path):
    with atomic_file(tmp_path / "a") as beside:
        beside.touch(mode=0o600)
    with atomic_folder(tmp_path / "b") as beside:
        (beside / "c").touch(mode=0o600)
        (beside / "d").touch()
        (beside / "d").chmod(0o444)
    expected = 0o666 & ~umask
    names = {"a": expected, "b/c": expected, "b/d": 0o444}
    assert {name: (tmp_path / name).stat().st_mode & 0o777 for name in names} == names


def test_a_full_disk_names_what_was_being_written(small_disk):
    path = small_disk / "a.bin"
    message = r"disk/a\.bin: can't be written: .*No space left on device"
    with pytest.raises(InputError, match=message), atomic_file(path) as beside:
        beside.write_bytes(bytes(10**6))
    assert list(small_disk.iterdir()) == []


def test_json_is_sorted_and_readable(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "ž"})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": "ž",\n  "b": 1\n}\n'
    assert read_json(tmp_path / "a.json") == {"a": "ž", "b": 1}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


def test_damaged_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(InputError, match=r"a\.json: expected JSON, got"):
        read_json(tmp_path / "a.json")


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_of(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_fingerprint_sees_values_names_and_bytes(tmp_path):
    file = tmp_path / "train.jsonl"
    file.write_text("one")
    key = fingerprint({"lr": 1e-5}, [file])
    assert key == fingerprint({"lr": 1e-5}, [file])
    assert key != fingerprint({"lr": 1e-4}, [file])
    file.write_text("two")
    assert key != fingerprint({"lr": 1e-5}, [file])
