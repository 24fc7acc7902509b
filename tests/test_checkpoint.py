import errno
import subprocess
import sys
import time
from threading import Thread

import pytest
import torch

from asr.core.errors import InputError
from asr.core.locks import is_held
from asr.training.state.checkpoint import (
    Checkpoint,
    files_in_use,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from asr.training.state.scratch import newest_step, scratch_folder
from tests.pipeline_repo import wait_for


def checkpoint(step, **files):
    weight = torch.full((2,), float(step))
    return Checkpoint(step, {"weight/a": weight}, {"best": [0.5, 0.1]}, files)


def test_the_last_is_loaded_and_two_are_kept(tmp_path):
    for step in (5, 10, 15):
        save_checkpoint(tmp_path, checkpoint(step))
    loaded = load_checkpoint(tmp_path)
    assert loaded.step == 15
    assert loaded.tensors["weight/a"].tolist() == [15.0, 15.0]
    assert loaded.state == {"best": [0.5, 0.1]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010", "step-00000015"]


def test_none_is_none(tmp_path):
    assert load_checkpoint(tmp_path) is None
    assert newest_step(tmp_path) == -1


def test_a_damaged_one_is_passed_over_with_a_word(tmp_path, capsys):
    save_checkpoint(tmp_path, checkpoint(5))
    save_checkpoint(tmp_path, checkpoint(10))
    tensors = tmp_path / "step-00000010" / "state.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"\xff")
    assert load_checkpoint(tmp_path).step == 5
    assert "checkpoint skipped" in capsys.readouterr().out


def test_one_that_can_not_be_read_now_stays(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, checkpoint(5))

    def away(path):
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as volume:
        volume.setattr("asr.training.state.checkpoint.sha256_of", away)
        with pytest.raises(InputError, match="step-00000005: expected a readable checkpoint"):
            load_checkpoint(tmp_path)
    assert load_checkpoint(tmp_path).step == 5


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_checkpoint_whose_best_weights_are_damaged_is_passed_over(tmp_path, capsys, damage):
    files = {}
    for step in (5, 10):
        path = tmp_path / f"best-{step}"
        files[path.name] = save_weights(path, {"a": torch.full((2,), float(step))})
        save_checkpoint(tmp_path, checkpoint(step, **{path.name: files[path.name]}))
    loaded = load_checkpoint(tmp_path)
    assert (loaded.step, loaded.files) == (10, {path.name: files[path.name]})
    assert files_in_use(tmp_path) == {tmp_path / "best-5", tmp_path / "best-10"}
    content = path.read_bytes()
    path.unlink()
    if damage != "remove":
        path.write_bytes(content[:-1] + (b"\xff" if damage == "flip" else b""))
    assert load_checkpoint(tmp_path).step == 5
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("checkpoint skipped: ") and "best-10" in line


def test_scratch_stays_after_a_failure_and_goes_after_success(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with pytest.raises(RuntimeError, match="killed"), scratch_folder("train", "k") as folder:
        (folder / "state").write_text("step 5")
        raise RuntimeError("killed")
    with scratch_folder("train", "k") as folder:
        assert (folder / "state").read_text() == "step 5"
    assert not folder.exists()


@pytest.mark.integration
def test_two_processes_never_share_a_scratch_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    other = (
        "from asr.training.state.scratch import scratch_folder\n"
        "with scratch_folder('train', 'k'): print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", other], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(InputError, match="locked by another process that runs the same train"),
            scratch_folder("train", "k"),
        ):
            pass
        process.communicate("\n")
    assert process.returncode == 0


def test_who_waits_for_a_folder_that_is_removed_meanwhile_makes_it_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))

    def run_for_a_moment():
        with scratch_folder("train", "k"):
            time.sleep(0.2)

    other = Thread(target=run_for_a_moment)
    other.start()
    wait_for((tmp_path / ".dvc/tmp/scratch/train-k/lock").exists)
    with scratch_folder("train", "k") as folder:
        assert folder.is_dir() and is_held(folder)
    other.join()


def test_full_disk_is_said_and_the_last_checkpoint_stays(small_disk):
    save_checkpoint(small_disk, checkpoint(5))
    large = Checkpoint(10, {"weight/a": torch.zeros(200_000)}, {}, {})
    with pytest.raises(InputError, match=r"step-00000010: can't be written: .*No space left"):
        save_checkpoint(small_disk, large)
    assert [path.name for path in small_disk.iterdir()] == ["step-00000005"]
    assert load_checkpoint(small_disk).step == 5
