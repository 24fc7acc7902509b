"""The commands that users type, run for real on the smallest pipeline: ten clips, two steps."""

import json
import re

import pytest

from asr.core.files import read_json
from asr.core.params import read_yaml
from tests.pipeline_repo import experiments, out_hashes, wait_for
from tests.s3_server import s3_server


def stages_to_run(repo):
    """What `dvc repro` would run."""
    lines = repo.run("dvc", "repro", "--dry").splitlines()
    return [line.split("'")[1] for line in lines if line.startswith("Running stage")]


@pytest.mark.integration
def test_repro_runs_everything_then_nothing(reproduced):
    assert (reproduced.folder / "models" / "tuned" / "model.safetensors").is_file()
    assert "<html" in (reproduced.folder / "metrics" / "report.html").read_text()
    trained = (reproduced.folder / "data/manifests/train.jsonl").read_text().splitlines()
    labels = read_json(reproduced.folder / "metrics/train.json")["labels"]
    assert labels["num_utterances"] == len(trained)
    assert stages_to_run(reproduced) == []


@pytest.mark.integration
def test_scores_are_of_the_same_utterances(reproduced):
    scores = [
        json.loads((reproduced.folder / "metrics" / "score" / f"{model}.json").read_text())
        for model in ("base", "tuned")
    ]
    assert scores[0]["test_sha256"] == scores[1]["test_sha256"]


def whole_clone(reproduced, folder):
    """A clone with all that was made."""
    clone = reproduced.clone(folder)
    clone.share_cache_of(reproduced)
    clone.run("dvc", "checkout")
    return clone


@pytest.fixture(scope="module")
def clone(reproduced, tmp_path_factory):
    return whole_clone(reproduced, tmp_path_factory.mktemp("clone") / "repo")


@pytest.fixture
def repo(clone):
    """The clone to edit; afterwards its files are again as committed."""
    yield clone
    clone.run("git", "checkout", "--quiet", ".")


@pytest.mark.integration
def test_commands_that_people_run(repo):
    assert "overall" in repo.run("python", "-m", "commands.scores")
    assert "dvc exp run --temp" in repo.run("python", "-m", "commands.recipe", "smoke")
    assert "No fault" in repo.run("python", "-m", "commands.check_labels")


@pytest.mark.integration
def test_what_only_scoring_uses_reruns_only_scoring(repo):
    repo.set_params({"score.normalizers.default": "verbatim"})
    # `--dry` lists `scorecard` only once the score has changed.
    scoring = {"score@base", "score@tuned", "compare", "guard", "report", "parity"}
    assert set(stages_to_run(repo)) == scoring


@pytest.mark.integration
def test_what_only_decoding_uses_reruns_no_training(repo):
    decoding = repo.folder / "asr/families/whisper/decoding/engine.py"
    decoding.write_text(decoding.read_text() + "# an edit\n")
    assert stages_to_run(repo)[0] == "transcribe@base"
    assert "train" not in stages_to_run(repo)


@pytest.mark.integration
def test_another_threshold_of_a_gate_reruns_only_the_scorecard(repo):
    repo.set_params({"gates.production": 0.15})
    assert stages_to_run(repo) == ["scorecard"]


@pytest.mark.integration
def test_a_tag_is_the_champion_until_the_params_name_another(reproduced, tmp_path):
    repo = whole_clone(reproduced, tmp_path / "clone")
    repo.run("git", "tag", "v1.0")
    released = repo.run("git", "rev-parse", "HEAD").strip()
    # Runs in a copy of the repository, which has no tags.
    said = repo.run("dvc", "exp", "run", "--temp", "--name", "again", "-S", "score.champion=v1.0")
    ran = set(re.findall("Running stage '(.+)'", said))
    assert ran == {"champion", "compare", "report", "package"}
    found = experiments(repo)["again"]["metrics"]["metrics/compare.json"]["data"]["champion"]
    assert (found["name"], found["commit"]) == ("v1.0", released)
    wer = found["groups"]["overall"]["wer"]
    assert wer["champion"] == wer["tuned"]
    repo.run("dvc", "exp", "apply", "again")
    repo.commit("Compare with the champion")
    repo.run("git", "tag", "--force", "v1.0")
    assert stages_to_run(repo) == []
    compared = repo.run("python", "-m", "commands.scores", "--compare", released, "again")
    assert f"{released}: commit {released}" in compared
    assert "again: commit " in compared


@pytest.mark.integration
def test_another_corpus_prepares_only_itself(repo):
    params = repo.folder / "params.yaml"
    line = "  ru: {format: stamps, language: ru, source: tuxpaint_stamps}\n"
    params.write_text(
        re.sub(r"^test_sets:", line + r"\ntest_sets:", params.read_text(), flags=re.M)
    )
    # `dvc repro --dry` gives up at a stage whose deps no stage has written yet.
    changed = json.loads(repo.run("dvc", "status", "--json"))
    assert set(changed) == {
        "fetch@ru",
        "segment@ru",
        "prepare@ru",
        "audit@ru",
        "split",
        "guard_set",
    }


@pytest.mark.integration
def test_experiments_now_and_from_the_queue(reproduced, tmp_path):
    repo = whole_clone(reproduced, tmp_path / "clone")
    # DVC writes 1e-05, which PyYAML would read as a string.
    repo.run("dvc", "exp", "run", "--queue", "--name", "queued", "-S", "train.lr=2e-5")
    repo.run("dvc", "exp", "run", "--name", "slower", "-S", "train.lr=1e-5")
    shown = experiments(repo)["slower"]
    assert shown["params"]["params.yaml"]["data"]["train"]["lr"] == 1e-5
    assert "lr" in repo.run("dvc", "params", "diff")
    assert "wer" in repo.run("dvc", "metrics", "diff", "--all")
    assert "loss" in repo.run("dvc", "plots", "diff", "HEAD", "--json")
    repo.run("dvc", "queue", "start")
    wait_for(lambda: "Running" not in repo.run("dvc", "queue", "status"), pause_s=2)
    assert "Success" in (status := repo.run("dvc", "queue", "status")), status
    assert {"queued", "slower"} <= experiments(repo).keys()


def cloned(reproduced, folder, server):
    """A clone that has the server for its remote."""
    clone = reproduced.clone(folder)
    clone.run("dvc", "remote", "add", "--default", "storage", "s3://dvc/mothertongue")
    clone.run("dvc", "remote", "modify", "storage", "endpointurl", server.url)
    clone.run("dvc", "remote", "modify", "storage", "verify", "true")
    return clone


@pytest.fixture(scope="module")
def server(reproduced, tmp_path_factory):
    """An S3 server to which everything was pushed."""
    with s3_server(tmp_path_factory.mktemp("server")) as server:
        sender = cloned(reproduced, tmp_path_factory.mktemp("sender") / "repo", server)
        sender.share_cache_of(reproduced)
        sender.run("dvc", "push", **server.credentials)
        yield server


@pytest.fixture
def receiver(reproduced, server, tmp_path):
    """A clone that has nothing."""
    return cloned(reproduced, tmp_path / "receiver", server)


@pytest.mark.integration
def test_push_and_pull_on_a_fresh_clone_leave_nothing_to_run(server, receiver):
    receiver.run("dvc", "pull", **server.credentials)
    assert stages_to_run(receiver) == []
    assert "up to date" in receiver.run("dvc", "status")


@pytest.mark.integration
def test_one_command_on_a_fresh_clone_trains_anew_and_brings_what_that_needs(server, receiver):
    fresh = ("--pull", "--allow-missing", "-S", "train.lr=1e-5")
    said = receiver.run("dvc", "exp", "run", *fresh, **server.credentials)
    ran = set(re.findall("Running stage '(.+)'", said))
    after = {"train", "transcribe@tuned", "score@tuned", "compare", "scorecard", "report",
             "transcribe_guard@tuned", "guard", "align", "export", "parity",
             "package"}  # fmt: skip
    # DVC leaves empty folders, in which split finds no corpus: it brings them, and writes the same.
    assert ran - {"split"} == after
    assert not (receiver.folder / "data/raw/be").exists()
    assert "<html" in (receiver.folder / "metrics" / "report.html").read_text()


@pytest.mark.integration
def test_damage_in_the_remote_is_found_by_pull(server, receiver):
    out = "data/hypotheses/tuned.jsonl"
    server.flip_a_byte_of_everything()  # nothing that comes after this test can use it
    receiver.run("dvc", "pull", out, succeeds=False, **server.credentials)
    assert not (receiver.folder / out).exists()


@pytest.mark.integration
def test_same_inputs_same_bytes(reproduced, tmp_path):
    """All that comes after fetch is made again, without a cache; only what holds times differs."""
    again = reproduced.clone(tmp_path / "again")
    again.share_cache_of(reproduced)
    lock = again.folder / "dvc.lock"
    fetched = {name: stage for name, stage in read_yaml(lock)["stages"].items() if "fetch" in name}
    again.run("dvc", "checkout", *fetched)
    lock.write_text(json.dumps({"schema": "2.0", "stages": fetched}))
    again.run("dvc", "repro", "--no-run-cache")
    first, second = out_hashes(reproduced), out_hashes(again)
    assert first.keys() == second.keys()
    differing = {path for path in first if first[path] != second[path]}
    # The report shows the speed.
    timed = {"metrics/report.html"}
    assert {path for path in differing if "timing" not in path and "speed" not in path} <= timed
    assert {"models/tuned", "data/hypotheses/tuned.jsonl", "metrics/compare.json"} <= first.keys()


@pytest.mark.slow
def test_whisper_base_goes_through_the_whole_pipeline(reproduced, tmp_path):
    repo = whole_clone(reproduced, tmp_path / "clone")
    repo.set_params({"model.name": "base", "audit.judge.name": "base"})
    repo.run("dvc", "repro")
    scores = read_json(repo.folder / "metrics/score/tuned.json")
    assert scores["groups"]["overall"]["wer"] < 2  # random weights: above 20
