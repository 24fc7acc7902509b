# python -m pytest tests/test_mirror.py
"""What the mirror of training's state holds, on a storage in memory."""

import json

import fsspec
import pytest
import torch

from asr.core.errors import InputError
from asr.training.operations import OperationsParams
from asr.training.state.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from asr.training.state.mirror import Mirror, mirrored
from tests.pipeline_repo import wait_for

URL = "memory://mirror/all/train-k"


@pytest.fixture
def storage():
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


@pytest.fixture
def scratch(tmp_path):
    """A run's folder with a lock, a file beside the checkpoints and one that is being written."""
    folder = tmp_path / "train-k"
    folder.mkdir()
    (folder / "lock").touch()
    (folder / "facts.json").write_text("{}")
    (folder / ".best.1.partial").write_text("half")
    return folder


def save(scratch, step):
    save_checkpoint(scratch, Checkpoint(step, {"a": torch.full((2,), float(step))}, {}, {}))


def index(storage):
    return json.loads(storage.cat_file("/mirror/all/train-k/mirror.json"))


def test_it_holds_the_newest_checkpoint_and_the_files_beside_it_by_their_hashes(storage, scratch):
    mirror = Mirror(URL, scratch)
    mirror.try_upload()
    assert not storage.find("/mirror")  # there is no checkpoint yet
    for step in (0, 5, 10):
        save(scratch, step)
        mirror.try_upload()
        found = index(storage)
        assert found["step"] == step
        names = {"facts.json", f"step-{step:08}/state.json", f"step-{step:08}/state.safetensors"}
        assert set(found["files"]) == names
        for name, sha256 in found["files"].items():
            content = (scratch / name).read_bytes()
            assert storage.cat_file(f"/mirror/all/train-k/{sha256}") == content
        objects = {path.rpartition("/")[2] for path in storage.find("/mirror")}
        assert objects == {"mirror.json", *found["files"].values()}  # none of a step before
    assert not list(scratch.glob(".mirror*"))


def test_another_machine_goes_on_in_the_same_mirror(storage, scratch, tmp_path, capsys):
    save(scratch, 5)
    Mirror(URL, scratch).try_upload()
    here = tmp_path / "here"
    here.mkdir()
    mirror = Mirror(URL, here)
    mirror.fetch()
    assert f"state after step 5 fetched from {URL}" in capsys.readouterr().err
    assert load_checkpoint(here).tensors["a"].tolist() == [5.0, 5.0]
    assert (here / "facts.json").read_text() == "{}"
    save(here, 10)
    mirror.try_upload()
    assert index(storage)["step"] == 10
    assert len(storage.find("/mirror")) == 4
    mirror.remove()
    assert not storage.find("/mirror")
    assert capsys.readouterr().err == ""


def test_a_state_as_new_as_the_local_one_is_not_fetched(storage, scratch, capsys):
    save(scratch, 5)
    mirror = Mirror(URL, scratch)
    mirror.fetch()  # there is none yet
    mirror.try_upload()
    (scratch / "facts.json").write_text("local")
    mirror.fetch()
    assert (scratch / "facts.json").read_text() == "local"
    assert capsys.readouterr().err == ""


def test_it_is_uploaded_while_the_block_runs_and_once_more_if_it_fails(storage, scratch):
    params = OperationsParams(
        trackers=[], checkpoint_mirror="memory://mirror/all", mirror_every_minutes=0.001,
        keep_unfinished_gb=1.0, loader_threads=0,
    )  # fmt: skip
    with pytest.raises(KeyError), mirrored(scratch, params):
        save(scratch, 5)
        wait_for(lambda: storage.exists("/mirror/all/train-k/mirror.json"))
        save(scratch, 10)
        raise KeyError
    assert index(storage)["step"] == 10
    with mirrored(scratch, params):
        pass
    assert not storage.find("/mirror")


def test_a_storage_that_fails_is_said_and_tried_again(scratch, tmp_path, capsys):
    (tmp_path / "mirror").write_text("no folder")
    mirror = Mirror(f"file://{tmp_path}/mirror/train-k", scratch)
    save(scratch, 5)
    mirror.try_upload()
    said = capsys.readouterr().err
    assert said.startswith(f"file://{tmp_path}/mirror/train-k: training's newest state is not")
    assert "NotADirectoryError" in said
    (tmp_path / "mirror").unlink()
    (tmp_path / "mirror" / "train-k").mkdir(parents=True)
    mirror.try_upload()
    assert (tmp_path / "mirror" / "train-k" / "mirror.json").is_file()
    assert capsys.readouterr().err == ""


def test_a_mirror_that_cannot_be_removed_is_named(scratch, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # fsspec removes no folder in which it stands
    Mirror(f"file://{tmp_path}", scratch).remove()
    said = capsys.readouterr().err
    assert said.startswith(f"file://{tmp_path}: can't be removed") and "ValueError" in said


def test_a_mirror_that_cannot_be_read_stops_a_start_but_no_resumption(scratch, tmp_path, capsys):
    (tmp_path / "mirror" / "mirror.json").mkdir(parents=True)
    mirror = Mirror(f"file://{tmp_path}/mirror", scratch)
    message = rf"operations\.checkpoint_mirror: .* file://{tmp_path}/mirror can't be read: IsADir"
    with pytest.raises(InputError, match=message):
        mirror.fetch()
    save(scratch, 0)
    mirror.fetch()
    said = capsys.readouterr().err
    assert said.startswith(f"file://{tmp_path}/mirror: can't be read")
    assert "IsADirectoryError" in said


def test_s3_is_given_up_within_a_minute(scratch):
    given = Mirror("s3://bucket/train-k", scratch).files.config_kwargs
    seconds = given["connect_timeout"] + given["read_timeout"]
    assert seconds * given["retries"]["max_attempts"] <= 80
