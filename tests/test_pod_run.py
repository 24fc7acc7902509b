# python -m pytest tests/test_pod_run.py    (half a minute; the kill and whole runs with -m slow)
"""``pods/run.sh`` for real: an empty folder is the machine, with Git and S3 on loopback.

What starts it on rented machines: tests/test_pods.py.
"""

import json
import os
import shutil
import signal
import sys

import pytest

from asr.core.params import read_yaml
from tests.pipeline_repo import ROOT, PipelineRepo, experiments, is_alive, wait_for
from tests.s3_server import s3_server

SCRIPT = str(ROOT / "pods" / "run.sh")
OVERRIDES = {
    "train.max_steps": 40, "train.eval_every_steps": 40, "train.save_every_steps": 1,
    "operations.mirror_every_minutes": 0.001,
}  # fmt: skip
TOKEN = "token-that-nobody-may-see"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def laptop(trained, server, tmp_path_factory):
    """A clone whose commits are in a bare repository, and its data in S3."""
    folder = tmp_path_factory.mktemp("laptop")
    repo = trained.clone(folder / "repo")
    repo.share_cache_of(trained)
    repo.run("git", "clone", "--quiet", "--bare", ".", str(folder / "bare.git"))
    repo.run("git", "remote", "set-url", "origin", str(folder / "bare.git"))
    repo.run("dvc", "remote", "add", "--local", "--default", "s3", "s3://dvc/storage")
    repo.run("dvc", "push", **server.credentials)
    return repo


def environment(laptop, server, **others):
    """What a machine is given to run the experiment ``pod``."""
    return {
        "REPOSITORY": laptop.run("git", "remote", "get-url", "origin").strip(),
        "REVISION": laptop.run("git", "rev-parse", "HEAD").strip(),
        "EXPERIMENT": "pod",
        "OVERRIDES": "\n".join(f"{key}={value}" for key, value in OVERRIDES.items()),
        "REMOTE": "s3://dvc/storage",
        "MIRROR": "s3://dvc/mirror",
        "TARGETS": "train",
        "VENV": sys.prefix,
        "GIT_TOKEN": TOKEN,
        "RETRY_PAUSE_S": "0",
        **server.credentials,
        **others,
    }


def machine(folder):
    """An empty machine."""
    folder.mkdir()
    return PipelineRepo(folder), {"WORKDIR": str(folder / "work")}


def mirrored_step(server):
    files = server.files()
    found = files.glob("dvc/mirror/pod/*/mirror.json")
    return json.loads(files.cat_file(found[0]))["step"] if found else -1


def results(laptop, name):
    """``dvc.lock`` of the experiment that was pushed."""
    bare = ("git", "-C", laptop.run("git", "remote", "get-url", "origin").strip())
    ref = laptop.run(*bare, "for-each-ref", "--format=%(refname)", f"refs/exps/*/*/{name}").strip()
    (laptop.folder / "pushed.lock").write_text(laptop.run(*bare, "show", f"{ref}:dvc.lock"))
    return read_yaml(laptop.folder / "pushed.lock")["stages"]["train"]["outs"]


@pytest.mark.slow
@pytest.mark.timeout(1800)  # 70 s of a quiet core
def test_killed_in_training_it_ends_on_another_machine_in_the_same_weights(
    laptop, trained, server, tmp_path
):
    first, where = machine(tmp_path / "first")
    given = environment(laptop, server)
    log = tmp_path / "log"
    with first.started("bash", "-c", f"exec bash {SCRIPT} > {log} 2>&1", **given, **where) as run:
        wait_for(lambda: mirrored_step(server) >= 3 or run.poll() is not None)
        assert run.poll() is None, log.read_text()
        os.killpg(run.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(run.pid))
    shutil.rmtree(first.folder)

    second, where = machine(tmp_path / "second")
    said = second.run("bash", SCRIPT, **given, **where)
    assert "fetched from s3://dvc/mirror/pod/train-" in said
    assert "pod is pushed" in said
    assert server.files().glob("dvc/mirror/pod/*/*") == []  # the server keeps empty folders

    whole = trained.clone(tmp_path / "whole")
    whole.share_cache_of(trained)
    whole.run("dvc", "checkout", "--with-deps", "train")
    whole.set_params(OVERRIDES)
    whole.run("dvc", "repro", "--single-item", "train")
    assert results(laptop, "pod") == read_yaml(whole.folder / "dvc.lock")["stages"]["train"]["outs"]

    model = next(out["md5"] for out in results(laptop, "pod") if out["path"] == "models/tuned")
    assert server.files().exists(f"dvc/storage/files/md5/{model[:2]}/{model[2:]}")
    kept = second.folder / "work/repository"
    for text in (said, *((kept / one).read_text() for one in (".git/config", ".dvc/config.local"))):
        assert TOKEN not in text and server.credentials["AWS_SECRET_ACCESS_KEY"] not in text
    again = second.run("bash", SCRIPT, succeeds=False, **given, **where)
    assert "pod is taken" in again


@pytest.mark.integration
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"EXPERIMENT": ""}, "EXPERIMENT is not set"),
        ({"EXPERIMENT": "b", "REVISION": "0" * 40}, f"REVISION: {'0' * 40} is not in "),
        ({"REPOSITORY": "/nowhere.git"}, "repository '/nowhere.git' does not exist"),
    ],
)
def test_what_it_cannot_run_is_named_at_once(laptop, server, tmp_path, given, said):
    empty, where = machine(tmp_path / "machine")
    given = environment(laptop, server, **given)
    assert said in empty.run("bash", SCRIPT, succeeds=False, **given, **where)


@pytest.mark.integration
def test_a_network_that_breaks_while_pushing_costs_a_wait(tmp_path):
    """The function of run.sh, on a command that fails three times."""
    lines = (ROOT / "pods/run.sh").read_text().splitlines()
    first = lines.index("retry() {")
    functions = [*lines[first : lines.index("}", first) + 1], 'say() { echo "$*"; }']
    tries = tmp_path / "tries"
    push = f'push() {{ echo x >> {tries}; [ "$(wc -l < {tries})" -gt "$1" ]; }}'
    for failures, succeeds in ((3, True), (10, False)):
        tries.unlink(missing_ok=True)
        script = "\n".join(
            ["set -euo pipefail", *functions, push, f"retry push {failures}; echo on"]
        )
        said = PipelineRepo(tmp_path).run(
            "bash", "-c", script, succeeds=succeeds, RETRY_PAUSE_S="0"
        )
        assert len(tries.read_text().split()) == (4 if succeeds else 10)
        assert ("on\n" in said) == succeeds
        assert "try 1 of 10 failed, again in 0 s: push" in said


@pytest.mark.slow
def test_the_whole_pipeline_and_a_sweep_in_the_queue(reproduced, server, tmp_path):
    laptop = reproduced.clone(tmp_path / "laptop")
    laptop.share_cache_of(reproduced)
    laptop.run("git", "clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    laptop.run("git", "remote", "set-url", "origin", str(tmp_path / "bare.git"))
    laptop.run("dvc", "remote", "add", "--local", "--default", "s3", "s3://dvc/storage")
    laptop.run("dvc", "push", **server.credentials)
    box, where = machine(tmp_path / "box")
    whole = {"EXPERIMENT": "whole", "OVERRIDES": "score.num_resamples=150", "TARGETS": ""}
    box.run("bash", SCRIPT, **environment(laptop, server, **whole), **where)
    sweep = {
        "EXPERIMENT": "s",
        "OVERRIDES": "score.num_resamples=110,120",
        "TARGETS": "",
        "JOBS": "2",
    }
    box.run("bash", SCRIPT, **environment(laptop, server, **sweep), **where)
    laptop.run("dvc", "exp", "pull", "origin", "whole", "s-1", "s-2", **server.credentials)
    found = {
        name: one["params"]["params.yaml"]["data"] for name, one in experiments(laptop).items()
    }
    assert {n: p["score"]["num_resamples"] for n, p in found.items()} == {
        "whole": 150, "s-1": 110, "s-2": 120,
    }  # fmt: skip
    laptop.run("dvc", "exp", "apply", "whole")
    assert (laptop.folder / "metrics/compare.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("tool", ["make", "uv"])
def test_an_empty_machine_is_set_up(laptop, server, tmp_path, tool):
    """Its remote can't be written, so that it ends before training; to find that takes packages."""
    box, where = machine(tmp_path / "box")
    if tool == "uv":
        if not shutil.which("uv"):
            pytest.skip("no uv: pip install uv")
    else:
        where["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    given = environment(laptop, server, VENV="", REMOTE="/dev/null/storage", EXPERIMENT="set-up")
    said = box.run("bash", SCRIPT, succeeds=False, **given, **where)
    assert "pod: REMOTE" in said and "can't be written" in said
    python = tmp_path.joinpath("box", "work", "repository", ".venv", "bin", "python")
    box.run(str(python), "-c", "import torch, dvc")


@pytest.mark.slow
def test_credentials_that_cannot_write_are_found_before_training(laptop, server, tmp_path):
    box, where = machine(tmp_path / "box")
    given = environment(laptop, server, EXPERIMENT="none", AWS_SECRET_ACCESS_KEY="wrong")
    said = box.run("bash", SCRIPT, succeeds=False, **given, **where)
    assert "pod: REMOTE dvc/storage/files/md5: can't be written: PermissionError: " in said
    assert "Running stage" not in said
