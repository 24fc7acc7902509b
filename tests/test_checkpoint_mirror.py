"""The mirror of training's state, on a real S3 server that is really killed."""

import json
import shutil

import pytest
import torch

from asr.core.errors import InputError
from asr.training.operations import OperationsParams
from asr.training.state.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from asr.training.state.mirror import mirrored
from asr.training.state.scratch import scratch_folder
from tests.pipeline_repo import wait_for
from tests.s3_server import s3_server

pytestmark = pytest.mark.integration
ROOT = "dvc/mirror/train-k"


def checkpoint(step):
    return Checkpoint(step, {"weight/a": torch.full((2,), float(step))}, {"best_step": 5}, {})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def params(server, tmp_path, monkeypatch):
    """Mirror every 0.06 s; the machine's scratch is in ``tmp_path``."""
    for name, value in server.credentials.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    if server.process.poll() is not None:
        server.start()
    if server.files().exists("dvc/mirror"):
        server.files().rm("dvc/mirror", recursive=True)
    return OperationsParams(
        trackers=[],
        checkpoint_mirror="s3://dvc/mirror",
        mirror_every_minutes=0.001,
        keep_unfinished_gb=1.0,
        loader_threads=0,
    )


class KilledError(Exception):
    pass


def mirrored_step(server):
    if not server.files().exists(f"{ROOT}/mirror.json"):
        return -1
    return json.loads(server.files().cat_file(f"{ROOT}/mirror.json"))["step"]


def killed_after(step, params, server):
    """A run that died with its machine after ``step`` was mirrored."""
    with (
        pytest.raises(KilledError),
        scratch_folder("train", "k") as scratch,
        mirrored(scratch, params),
    ):
        for done in range(5, step + 1, 5):
            save_checkpoint(scratch, checkpoint(done))
        (scratch / "best-00000005.safetensors").write_bytes(b"best")
        raise KilledError
    shutil.rmtree(scratch)


def test_a_fresh_machine_goes_on_from_the_mirror_which_goes_after_success(server, params):
    killed_after(15, params, server)
    with scratch_folder("train", "k") as scratch, mirrored(scratch, params):
        found = load_checkpoint(scratch)
        assert (found.step, found.tensors["weight/a"].tolist()) == (15, [15.0, 15.0])
        assert (scratch / "best-00000005.safetensors").read_bytes() == b"best"
    assert server.files().glob(f"{ROOT}/*") == []


def test_it_keeps_up_with_training_and_holds_one_checkpoint(server, params):
    with scratch_folder("train", "k") as scratch, mirrored(scratch, params):
        for step in (5, 10):
            save_checkpoint(scratch, checkpoint(step))
            wait_for(lambda step=step: mirrored_step(server) == step)
        # Two files of the checkpoint and the list; those of step 5 go after the list has changed.
        wait_for(lambda: len(server.files().find(ROOT)) == 3)


def test_what_this_machine_has_further_on_is_kept(server, params):
    killed_after(5, params, server)
    with scratch_folder("train", "k") as scratch:
        save_checkpoint(scratch, checkpoint(10))
        with mirrored(scratch, params):
            assert load_checkpoint(scratch).step == 10


def test_damage_in_the_mirror_is_named_and_nothing_of_it_is_used(server, params, capsys):
    killed_after(5, params, server)
    damaged = next(p for p in server.files().find(ROOT) if not p.endswith("mirror.json"))
    server.files().pipe_file(damaged, server.files().cat_file(damaged)[:-1])
    with scratch_folder("train", "k") as scratch, mirrored(scratch, params):
        assert load_checkpoint(scratch) is None
    said = capsys.readouterr().err
    assert f"mirror skipped: s3://{damaged}: " in said
    assert "expected this SHA-256, got" in said


def test_a_lost_storage_is_said_and_tried_again_while_training_goes_on(server, params, capsys):
    with scratch_folder("train", "k") as scratch, mirrored(scratch, params):
        save_checkpoint(scratch, checkpoint(5))
        wait_for(lambda: mirrored_step(server) == 5)
        server.kill()
        save_checkpoint(scratch, checkpoint(10))
        said = ""

        def was_said():
            nonlocal said
            said += capsys.readouterr().err
            return "s3://dvc/mirror/train-k: training's newest state is not mirrored" in said

        wait_for(was_said)
        server.start()
        wait_for(lambda: mirrored_step(server) == 10)


def test_training_ends_well_without_the_storage(server, params, capsys):
    with scratch_folder("train", "k") as scratch, mirrored(scratch, params):
        save_checkpoint(scratch, checkpoint(5))
        wait_for(lambda: mirrored_step(server) == 5)
        server.kill()
    assert "s3://dvc/mirror/train-k: can't be removed, remove it by hand" in capsys.readouterr().err


def test_nothing_is_trained_anew_while_the_mirror_cannot_be_asked(server, params):
    server.kill()
    with (
        pytest.raises(InputError, match="s3://dvc/mirror/train-k can't be read"),
        scratch_folder("train", "k") as scratch,
        mirrored(scratch, params),
    ):
        pass


def test_without_a_mirror_nothing_is_asked(tmp_path):
    params = OperationsParams(
        trackers=[],
        checkpoint_mirror="",
        mirror_every_minutes=1.0,
        keep_unfinished_gb=1.0,
        loader_threads=0,
    )
    with mirrored(tmp_path, params):
        assert list(tmp_path.iterdir()) == []
