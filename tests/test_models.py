# python -m pytest tests/test_models.py
"""What was released: DVC and GTO name versions, and the commands list and describe them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.core.params import read_yaml
from asr.packages.info import environment, hardware, head, training
from asr.packages.manifest import locked_paths
from tests.package_inputs import ROOT, write_inputs
from tests.pipeline_repo import PipelineRepo

NAME = "whisper-base-be-bg"
DVC_YAML = """\
stages:
  others:
    cmd: "true"
    outs: [{outs}]
  package:
    cmd: >-
      python -m stages.package --export models/export --manifests data/manifests --metrics metrics
      --lock dvc.lock --out models/package/${{package.name}}-${{package.version}}
    deps: [{outs}]
    params: [package]
    outs:
      - models/package/${{package.name}}-${{package.version}}
{artifacts}
"""


def artifacts():
    """The section of the repository's own dvc.yaml."""
    text = (ROOT / "dvc.yaml").read_text()
    return text[text.index("\nartifacts:") :].split("\n\n")[0] if "\nartifacts:" in text else ""


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """A repository with versions 0.1.0 and 0.2.0, both committed and tagged."""
    if not artifacts():
        pytest.skip("dvc.yaml has no artifacts yet")
    folder = tmp_path_factory.mktemp("released")
    write_inputs(folder)
    (folder / "dvc.lock").unlink()
    paths = locked_paths(Path("data/manifests"), Path("metrics"), Path("models/export"), [])
    (folder / "models/tuned").mkdir()
    (folder / "models/tuned/weights").write_text("x")
    content = DVC_YAML.format(outs=", ".join(paths), artifacts=artifacts())
    (folder / "dvc.yaml").write_text(content)
    made = PipelineRepo(folder)
    made.run("git", "init", "--quiet", "--initial-branch", "main")
    made.run("dvc", "init", "--quiet")
    made.run("dvc", "commit", "--force", "others")
    for version in ("0.1.0", "0.2.0"):
        params = (
            (folder / "params.yaml").read_text().replace("version: 0.1.0", f"version: {version}")
        )
        (folder / "params.yaml").write_text(params)
        made.run("dvc", "repro", "package", PYTHONPATH=str(ROOT))
        made.commit(f"Version {version}")
        made.run("gto", "register", NAME, "--version", f"v{version}")
    return made


def printed(repo, *words):
    return repo.run(sys.executable, "-m", *words, PYTHONPATH=str(ROOT))


@pytest.mark.slow
def test_dvc_finds_each_version_by_name(repo, tmp_path):
    for version in ("0.1.0", "0.2.0"):
        out = tmp_path / version
        repo.run("dvc", "artifacts", "get", ".", NAME, "--rev", f"v{version}", "--out", str(out))
        assert read_json(out / "run_manifest.json")["version"] == version
        check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
        assert subprocess.run(check, cwd=out, check=False).returncode == 0


@pytest.mark.slow
def test_all_versions_are_listed_with_scores_and_data(repo):
    lines = printed(repo, "commands.models").splitlines()
    assert [line.split()[1:3] for line in lines[1:]] == [
        ["0.1.0", "workspace"], ["0.2.0", "workspace"],
        ["0.1.0", f"{NAME}@v0.1.0"], ["0.2.0", f"{NAME}@v0.2.0"],
    ]  # fmt: skip
    assert all("0.538" in line and "be 2; 0.00 h" in line for line in lines[1:])
    found = json.loads(printed(repo, "commands.models", "--json"))
    assert found[3]["manifest"]["version"] == "0.2.0"


@pytest.mark.slow
def test_a_version_that_is_nowhere_is_listed_with_the_command_that_fetches_it(repo, tmp_path):
    clone = repo.clone(tmp_path / "clone")
    lines = printed(clone, "commands.models").splitlines()
    assert len(lines) == 3
    assert f"not in DVC's cache or remote; `dvc fetch --all-tags models/package/{NAME}" in lines[1]


@pytest.mark.slow
def test_the_commits_of_a_package_are_those_of_its_inputs(repo):
    head = repo.run("git", "rev-parse", "HEAD").strip()
    first = repo.run("git", "rev-parse", "HEAD~1").strip()
    info = json.loads(printed(repo, "commands.package_info"))
    assert (info["version"], info["head"]) == ("0.2.0", {"commit": head, "changed": []})
    assert {line.split()[0] for line in info["commits"]} == {head, first, "workspace"}
    older = f"models/package/{NAME}-0.1.0"
    assert json.loads(printed(repo, "commands.package_info", "--package", older))["version"] == (
        "0.1.0"
    )


def test_a_folder_without_history_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="expected a Git repository with a commit"):
        head()


def test_the_environment_has_what_changes_results():
    found = environment()
    assert found["python"] == sys.version.split()[0]
    assert found["torch"] and found["dvc"]
    assert hardware()["cores"] == os.cpu_count()


def test_the_duration_is_that_of_a_training_with_the_same_values(tmp_path):
    values = {"seed": 1, "model": {"name": "base"}, "train": {"lr": 0.1}, "split": {"seed": 1}}

    def log(name, config, *seconds):
        lines = [
            {"timestamp": f"2026-01-01T00:00:{one:02d}+00:00", "event": event, "config": config}
            for one, event in seconds
        ]
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))

    # 5 s and, after a pause, 10 s.
    log("train-1.jsonl", values, (0, "start"), (5, "x"), (30, "start"), (40, "end"))
    log("train-2.jsonl", values | {"seed": 2}, (50, "start"), (51, "end"))
    found = training(values, sorted(tmp_path.iterdir()))
    assert found == {"log": "train-1.jsonl", "seconds": 15.0}
    assert training(values | {"seed": 3}, sorted(tmp_path.iterdir())) is None


def test_dvc_yaml_names_the_package_as_an_artifact():
    content = read_yaml(ROOT / "dvc.yaml")
    if "artifacts" not in content:
        pytest.skip("dvc.yaml has no artifacts yet")
    [(name, one)] = content["artifacts"].items()
    assert name == "${package.name}"
    assert [one["path"]] == content["stages"]["package"]["outs"]
    assert one["type"] == "model"
