# python -m pytest tests/test_interrupted_training.py
"""Training that is killed, on a machine that vanishes, on a disk that is full: the same weights."""

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest

from asr.training.state.scratch import newest_step
from tests.pipeline_repo import is_alive, out_hashes, wait_for
from tests.s3_server import s3_server

# The run cache would hand over another's weights.
TRAIN = ("dvc", "repro", "--single-item", "--no-run-cache", "train")
TRAINED = ("models/tuned", "data/curves")


@pytest.fixture(scope="module")
def ready_to_train(reproduced):
    """Makes clones in which only training is left to run: twelve steps, a checkpoint after each."""

    def clone(folder):
        clone = reproduced.clone(folder)
        clone.share_cache_of(reproduced)
        clone.run("dvc", "checkout", "--with-deps", "split", "base")
        clone.set_params({
            "train.max_steps": 12, "train.num_epochs": 12, "train.save_every_steps": 1,
        })  # fmt: skip
        return clone

    return clone


@pytest.fixture(scope="module")
def expected(ready_to_train, tmp_path_factory):
    """The outs of training that nothing disturbed."""
    whole = ready_to_train(tmp_path_factory.mktemp("whole") / "repo")
    whole.run(*TRAIN)
    return trained(whole)


def trained(repo):
    return {path: out_hashes(repo)[path] for path in TRAINED}


def last_step(repo):
    """Of the checkpoints that training wrote so far; -1 if there are none."""
    return max(map(newest_step, repo.folder.glob(".dvc/tmp/scratch/train-*")), default=-1)


def half_written(repo):
    """The checkpoint that is being written at this moment."""
    return list(repo.folder.glob(".dvc/tmp/scratch/train-*/.step-*.partial"))


def end_when(repo, happened, sent, **environment):
    """Start training and send a signal to all its processes once it ``happened``."""
    with repo.started(*TRAIN, **environment) as process:
        wait_for(happened, pause_s=0.001)  # a checkpoint of random weights is written in 50 ms
        os.killpg(process.pid, sent)
    wait_for(lambda: not is_alive(process.pid))


@pytest.mark.integration
def test_ended_training_goes_on_and_ends_in_the_same_weights(ready_to_train, expected, tmp_path):
    repo = ready_to_train(tmp_path / "repo")
    end_when(repo, lambda: last_step(repo) >= 1, signal.SIGTERM)
    end_when(repo, lambda: last_step(repo) >= 3 and half_written(repo), signal.SIGKILL)
    assert half_written(repo), "expected to have killed it while it saved"
    assert "resuming after step" in repo.run(*TRAIN)
    assert trained(repo) == expected
    assert not list(repo.folder.glob(".dvc/tmp/scratch/train-*"))
    log = next(repo.folder.glob(".dvc/tmp/logs/train-*.jsonl")).read_text()
    assert log.count('"event": "start"') == 3
    assert log.count('"event": "end"') == 1


@pytest.mark.slow
def test_training_killed_again_and_again_ends_in_the_same_weights(
    ready_to_train, expected, tmp_path
):
    repo = ready_to_train(tmp_path / "repo")
    for _ in range(3):
        before, wait_s = last_step(repo), random.uniform(0, 0.2)

        def a_moment_after_a_step(before=before, wait_s=wait_s):
            if last_step(repo) <= before:
                return False
            time.sleep(wait_s)
            return True

        end_when(repo, a_moment_after_a_step, signal.SIGKILL)
    assert "resuming after step" in repo.run(*TRAIN)
    assert trained(repo) == expected


@pytest.mark.slow
def test_training_whose_machine_vanished_goes_on_from_the_mirror(
    ready_to_train, expected, tmp_path
):
    repo = ready_to_train(tmp_path / "repo")
    # Neither this nor a tracker reruns anything that is done.
    repo.set_params({
        "operations.checkpoint_mirror": "s3://dvc/mirror", "operations.mirror_every_minutes": 0.001
    })  # fmt: skip
    (tmp_path / "server").mkdir()
    with s3_server(tmp_path / "server") as server:
        end_when(
            repo,
            lambda: server.files().glob("dvc/mirror/train-*/mirror.json"),
            signal.SIGKILL,
            **server.credentials,
        )
        shutil.rmtree(repo.folder / ".dvc" / "tmp" / "scratch")
        said = repo.run(*TRAIN, **server.credentials)
        assert "fetched from s3://dvc/mirror/train-" in said
        assert "resuming after step" in said
        assert trained(repo) == expected
        assert not server.files().glob("dvc/mirror/train-*/*")


@contextmanager
def full_disk_for_models(repo):
    """A disk of its own under models/ that holds the base model and 1 MiB more."""
    models, base = repo.folder / "models", repo.folder / "models.real"
    size = sum(file.stat().st_size for file in models.rglob("*") if file.is_file()) + 2**20
    models.rename(base)
    models.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(models)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a disk")
    try:
        shutil.copytree(base, models, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", str(models)], check=True)
        models.rmdir()
        base.rename(models)


@pytest.mark.integration
def test_a_disk_too_full_for_the_model_is_said_and_costs_no_step(
    ready_to_train, expected, tmp_path
):
    repo = ready_to_train(tmp_path / "repo")
    with full_disk_for_models(repo):
        said = repo.run(*TRAIN, succeeds=False)
        assert "models/tuned: can't be written: " in said
        assert "No space left on device" in said
        there = {path.name for path in (repo.folder / "models").iterdir()}
        assert there == {"base", "judge", "README.md"}
    assert "resuming after step 11" in repo.run(*TRAIN)
    assert trained(repo) == expected
