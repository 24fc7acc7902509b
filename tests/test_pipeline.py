"""The commands that users type, run for real on the smallest pipeline: ten clips, two steps."""

import json
import re
import time

import pytest

from tests.pipeline_repo import experiments
from tests.s3_server import s3_server

pytestmark = pytest.mark.slow


def stages_to_run(repo):
    """What `dvc repro` would run."""
    lines = repo.run("dvc", "repro", "--dry").splitlines()
    return [line.split("'")[1] for line in lines if line.startswith("Running stage")]


def test_repro_runs_everything_then_nothing(reproduced):
    assert (reproduced.folder / "models" / "tuned" / "model.safetensors").is_file()
    assert "<html" in (reproduced.folder / "metrics" / "report.html").read_text()
    assert stages_to_run(reproduced) == []


def test_scores_are_of_the_same_utterances(reproduced):
    scores = [
        json.loads((reproduced.folder / "metrics" / "score" / f"{model}.json").read_text())
        for model in ("base", "tuned")
    ]
    assert scores[0]["test_sha256"] == scores[1]["test_sha256"]


def test_commands_that_people_run(repo):
    assert "overall" in repo.run("python", "-m", "commands.scores")
    assert "dvc exp run --temp" in repo.run("python", "-m", "commands.recipe", "smoke")


def test_what_only_scoring_uses_reruns_only_scoring(repo):
    repo.set_params({"score.normalizers.default": "verbatim"})
    assert stages_to_run(repo) == ["score@base", "score@tuned", "compare", "report"]


def test_what_only_decoding_uses_reruns_no_training(repo):
    decoding = repo.folder / "asr/families/whisper/decoding/engine.py"
    decoding.write_text(decoding.read_text() + "# an edit\n")
    assert stages_to_run(repo)[0] == "transcribe@base"
    assert "train" not in stages_to_run(repo)


def test_another_corpus_prepares_only_itself(repo):
    params = repo.folder / "params.yaml"
    line = "  ru: {format: stamps, language: ru, source: tuxpaint_stamps}\n"
    params.write_text(re.sub(r"^prepare:", line + r"\nprepare:", params.read_text(), flags=re.M))
    # `dvc repro --dry` gives up at a stage whose deps no stage has written yet.
    changed = json.loads(repo.run("dvc", "status", "--json"))
    assert set(changed) == {"fetch@ru", "prepare@ru", "audit@ru", "split"}


def test_an_experiment_with_another_learning_rate(repo):
    # DVC writes 1e-05, which PyYAML would read as a string.
    repo.run("dvc", "exp", "run", "--name", "slower", "-S", "train.lr=1e-5")
    shown = experiments(repo)["slower"]
    assert shown["params"]["params.yaml"]["data"]["train"]["lr"] == 1e-5
    assert "lr" in repo.run("dvc", "params", "diff")
    assert "wer" in repo.run("dvc", "metrics", "diff", "--all")
    plots = repo.run("dvc", "plots", "diff", "HEAD", "--json")
    assert "loss" in plots


def test_queued_experiments_run_and_show(repo):
    for rate in ("1e-5", "2e-5"):
        repo.run("dvc", "exp", "run", "--queue", "--name", f"lr-{rate}", "-S", f"train.lr={rate}")
    repo.run("dvc", "queue", "start")
    deadline = time.monotonic() + 300
    while (status := repo.run("dvc", "queue", "status")).count("Success") < 2:
        assert "Failed" not in status, status
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert {"lr-1e-5", "lr-2e-5"} <= experiments(repo).keys()


@pytest.fixture
def remote(reproduced, tmp_path):
    """An S3 server, a clone that has everything and one that has nothing, both set up for it."""
    (tmp_path / "server").mkdir()
    with s3_server(tmp_path / "server") as server:
        sender, receiver = (reproduced.clone(tmp_path / name) for name in ("sender", "receiver"))
        for clone in (sender, receiver):
            clone.run("dvc", "remote", "add", "--default", "storage", "s3://dvc/mothertongue")
            clone.run("dvc", "remote", "modify", "storage", "endpointurl", server.url)
            clone.run("dvc", "remote", "modify", "storage", "verify", "true")
        sender.share_cache_of(reproduced)
        yield server, sender, receiver


def test_push_and_pull_on_a_fresh_clone_leave_nothing_to_run(remote):
    server, sender, receiver = remote
    sender.run("dvc", "push", **server.credentials)
    receiver.run("dvc", "pull", **server.credentials)
    assert stages_to_run(receiver) == []
    assert "up to date" in receiver.run("dvc", "status")


def test_one_command_on_a_fresh_clone_trains_anew_and_brings_what_that_needs(remote):
    server, sender, receiver = remote
    sender.run("dvc", "push", **server.credentials)
    fresh = ("--pull", "--allow-missing", "-S", "train.lr=1e-5")
    said = receiver.run("dvc", "exp", "run", *fresh, **server.credentials)
    ran = set(re.findall("Running stage '(.+)'", said))
    after = {"train", "transcribe@tuned", "score@tuned", "compare", "report"}
    # DVC leaves empty folders, in which split finds no corpus: it brings them, and writes the same.
    assert ran - {"split"} == after
    assert not (receiver.folder / "data/raw/be").exists()
    assert "<html" in (receiver.folder / "metrics" / "report.html").read_text()


def test_damage_in_the_remote_is_found_by_pull(remote):
    server, sender, receiver = remote
    out = "data/hypotheses/tuned.jsonl"
    sender.run("dvc", "push", out, **server.credentials)
    server.flip_a_byte_of_everything()
    receiver.run("dvc", "pull", out, succeeds=False, **server.credentials)
    assert not (receiver.folder / out).exists()
