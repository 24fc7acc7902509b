"""DVC's queue with workers at once, and one that is killed: real DVC, a stage of a second.

The stage keeps its state as ``train`` does, in the scratch folder, and says where it resumed.
"""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

import asr.experiments.queue
from tests.pipeline_repo import ROOT, PipelineRepo, experiments, wait_for

STAGE = """
import time
from pathlib import Path
from asr.training.state.scratch import scratch_folder
from asr.core.files import write_json
from asr.core.params import read_yaml
params = read_yaml(Path("params.yaml"))
with scratch_folder("train", f"lr-{params['lr']}") as scratch:
    steps = scratch / "steps"
    first = len(steps.read_text()) if steps.exists() else 0
    for step in range(first, 100):
        time.sleep(params["step_s"])
        with steps.open("a") as file:
            file.write(".")
    write_json(Path("metric.json"), {"lr": params["lr"], "first": first})
"""
PIPELINE = """
stages:
  train:
    cmd: python stage.py
    deps: [stage.py]
    params: [lr]
    metrics: [metric.json: {cache: false}]
"""


@pytest.fixture
def repo(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    repo = PipelineRepo(tmp_path)
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "params.yaml").write_text("lr: 0\nstep_s: 0\n")
    repo.run("git", "init", "--quiet")
    repo.run("dvc", "init", "--quiet")
    repo.commit("A stage")
    return repo


def queue(repo, lr, step_s=0):
    repo.run("dvc", "exp", "run", "--queue", "--name", f"lr-{lr}",
             "-S", f"lr={lr}", "-S", f"step_s={step_s}")  # fmt: skip


def start_workers(repo, *words):
    """Return at once: a worker keeps the pipe open that it would be asked through."""
    repo.run("sh", "-c", f"dvc queue start {' '.join(words)} >workers.log 2>&1")


def metrics(repo):
    """The metric of each experiment that ended well, by name."""
    return {
        name: data["metrics"]["metric.json"]["data"]
        for name, data in experiments(repo).items()
        if data and data.get("metrics")
    }


def everything_in(folder):
    """The bytes of all files, and of all that Git has packed."""
    words = ["git", "cat-file", "--batch-all-objects", "--batch"]
    packed = subprocess.run(words, cwd=folder, capture_output=True, check=True).stdout
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return packed + b"".join(path.read_bytes() for path in files)


@pytest.mark.integration
def test_two_workers_lose_none_of_the_queued_and_store_no_secret(repo, monkeypatch):
    for name in ("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "GIT_TOKEN"):
        monkeypatch.setenv(name, "canary-5e")
    for lr in (1, 2, 3, 4):
        queue(repo, lr)
    start_workers(repo, "-j", "2")
    wait_for(lambda: repo.run("dvc", "queue", "status").count("Success") == 4, pause_s=2)
    assert metrics(repo) == {f"lr-{lr}": {"lr": lr, "first": 0} for lr in (1, 2, 3, 4)}
    everything = everything_in(repo.folder)
    assert b"stages:" in everything and b"canary-5e" not in everything


@pytest.mark.slow
def test_an_experiment_whose_worker_was_killed_goes_on_where_it_was(repo):
    queue(repo, 7, step_s=1)
    start_workers(repo)
    steps = repo.folder / ".dvc" / "tmp" / "scratch" / "train-lr-7" / "steps"
    wait_for(lambda: steps.exists() and len(steps.read_text()) >= 2)
    (run,) = repo.folder.glob(".dvc/tmp/exps/run/*/*.json")
    os.killpg(os.getpgid(json.loads(run.read_text())["pid"]), signal.SIGKILL)
    # DVC goes on believing that it runs, until it is told to end it.
    assert "Running" in repo.run("dvc", "queue", "status")
    said = repo.run("python", "-m", "commands.doctor", "queue", succeeds=False)
    assert "fail  queue     shown as running, but their processes are gone: lr-7" in said
    assert "→ dvc queue kill lr-7 && dvc queue remove lr-7" in said
    repo.run("dvc", "queue", "kill", "lr-7")
    assert "Failed" in repo.run("dvc", "queue", "status")
    repo.run("dvc", "queue", "remove", "lr-7")
    queue(repo, 7)
    start_workers(repo)
    wait_for(lambda: "Success" in repo.run("dvc", "queue", "status"), pause_s=2)
    assert metrics(repo)["lr-7"]["first"] >= 2


def test_a_process_that_has_the_number_of_an_experiment_is_not_its_own():
    assert asr.experiments.queue._is_gone(os.getpid())
    with subprocess.Popen(["sh", "-c", "sleep 60; exit", "dvc exp exec-run"]) as process:
        assert not asr.experiments.queue._is_gone(process.pid)
        process.kill()
        wait_for(lambda: asr.experiments.queue._is_gone(process.pid))  # a zombie
    assert asr.experiments.queue._is_gone(process.pid)


@pytest.mark.integration
def test_an_experiment_is_queued_once_the_workers_before_have_ended(repo, monkeypatch):
    monkeypatch.chdir(repo.folder)
    asr.experiments.queue.put("lr-1", ["lr=1"], "train")
    assert asr.experiments.queue.run_queued(["lr-1"], 1, 0.1) == {"lr-1": "Success"}
    assert workers(repo.folder)  # it looks for more, and would take one and lose it
    asr.experiments.queue.put("lr-2", ["lr=2"], "train")
    assert asr.experiments.queue.num_workers() == 0
    assert asr.experiments.queue.run_queued(["lr-2"], 1, 0.1) == {"lr-2": "Success"}


def workers(folder):
    """Processes of the queue's workers in a repository."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes()
            if b"queue-worker" in said and (process / "cwd").readlink() == folder:
                found.append(int(process.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.mark.slow
def test_a_worker_that_is_silent_while_its_experiment_runs_is_not_gone(repo, monkeypatch):
    monkeypatch.chdir(repo.folder)
    monkeypatch.setattr(asr.experiments.queue, "SILENCE_S", 3.0)
    steps = repo.folder / ".dvc" / "tmp" / "scratch" / "train-lr-5" / "steps"
    queue(repo, 5, step_s=0.2)  # 20 s
    silenced = []

    def show(line):
        if line == "lr-5: Running":
            wait_for(steps.exists)
            silenced.extend(workers(repo.folder))
            assert silenced
            for worker in silenced:
                os.kill(worker, signal.SIGSTOP)
            # It answers again once the experiment is nearly over.
            subprocess.Popen(["sh", "-c", f"sleep 12; kill -CONT {' '.join(map(str, silenced))}"])

    assert asr.experiments.queue.run_queued(["lr-5"], 1, 0.5, show) == {"lr-5": "Success"}
