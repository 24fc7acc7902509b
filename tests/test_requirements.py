# python -m pytest tests/test_requirements.py
"""What is installed for which use, and what is said where it is not."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from asr.audio.decoding import decode
from asr.core.by_name import ROOT
from asr.core.closure import import_closure
from asr.core.errors import InputError, needs
from asr.sources.corpus_source import fetch_files
from asr.sources.datasets import Source as Datasets
from asr.sources.sql import Source as Sql
from asr.trackers import open_tracker
from asr.workers.ray_cluster import ray_cluster
from tests.web_server import LIMITS

USES = {path.stem: path for path in (ROOT / "requirements").glob("*.txt")}
STAGES = sorted(f"stages.{path.stem}" for path in (ROOT / "stages").glob("[!_]*.py"))
TRACKERS = ("dvclive", "tensorboard", "trackio", "wandb")  # accelerate imports them
COMMANDS = sorted(f"commands.{path.stem}" for path in (ROOT / "commands").glob("[!_]*.py"))


def test_the_constraints_have_every_pin_for_the_audit_of_dependencies():
    files = [ROOT / "requirements.txt", *USES.values()]
    found, *others = (
        {
            (re.sub(r"[-_.]+", "-", name).lower(), version)
            for name, version in re.findall(
                r"^([\w.-]+)(?:\[.*\])?==(\S+)", file.read_text(), re.MULTILINE
            )
        }
        for file in (ROOT / "conf/constraints.txt", *files)
    )
    assert set().union(*others) <= found


def pinned(path):
    """Distributions that a file of requirements names, and those of the files that it names."""
    lines = path.read_text().splitlines()
    names = {re.split(r"[\[=]", line)[0] for line in lines if re.match(r"[a-zA-Z]", line)}
    more = [path.parent / line.split()[1] for line in lines if line.startswith("-r ")]
    return {normal(name) for name in names}.union(*map(pinned, more))


def normal(name):
    return re.sub("[-_.]+", "-", name).lower()


@pytest.mark.parametrize("script", STAGES + COMMANDS)
def test_what_is_imported_is_required_by_name(script):
    chosen = {
        "asr.families": ["whisper"],
        "asr.corpus_formats": [p.stem for p in ROOT.glob("asr/corpus_formats/[!_]*.py")],
        "asr.scoring.normalizers": [p.stem for p in ROOT.glob("asr/scoring/normalizers/[!_]*.py")],
    }
    uses = [path for use, path in USES.items() if use not in ("test", "benchmarks")]
    required = set().union(*map(pinned, [ROOT / "requirements.txt", *uses]))
    found = packages_distributions()
    imported = {
        package: {normal(name) for name in found.get(package, [package])}
        for package in import_closure(script, chosen).packages
    }
    missing = {package: names for package, names in imported.items() if not names & required}
    # They come with dvc, which ties their versions to its own.
    assert missing.keys() <= {"botocore", "dvc_data", "dvc_objects", "pydantic_core"}


def without(monkeypatch, package):
    """Python as if the package were not installed."""
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    if package == "tensorboard" and "torch.utils" in sys.modules:
        # accelerate takes it from there, where it is if any test before has imported it.
        monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
        monkeypatch.delattr("torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, package, None)


CLIPS = Datasets(
    kind="datasets", repo="me/clips", splits=["train"], revision="0" * 40, license="CC0-1.0"
)


def cluster():
    with ray_cluster(1):
        pass


def rows(monkeypatch):
    monkeypatch.setenv("CLIPS_DSN", "postgresql://somewhere")
    source = Sql(kind="sql", dsn_env="CLIPS_DSN", query="select 1", license="CC0-1.0")
    return next(fetch_files(source, lambda name: True, LIMITS))


@pytest.mark.parametrize(
    ("package", "use", "call", "what"),
    [
        ("av", "audio", lambda _: decode(b"\0\0\0\x20ftypM4A ", 30.0), "mov audio"),
        ("ray", "ray", lambda _: cluster(), "MOTHERTONGUE_WORKERS=ray"),
        ("datasets", "datasets", lambda _: next(fetch_files(CLIPS, bool, LIMITS)),
         "me/clips: kind datasets"),
        ("psycopg", "sql", rows, r"\$CLIPS_DSN: PostgreSQL"),
        *((name, "trackers", lambda _, name=name: open_tracker(name, Path(), "k", {}, on_cpu=True),
           rf"params\.yaml: operations\.trackers: {name}") for name in TRACKERS),
    ],
)  # fmt: skip
def test_a_missing_package_is_one_line_with_the_command(package, use, call, what, monkeypatch):
    without(monkeypatch, package)
    install = rf"pip install -r requirements/{use}\.txt"
    with pytest.raises(InputError, match=rf"^{what} needs .* \(.*{package}.*\): {install}$"):
        call(monkeypatch)
    assert normal(package) in pinned(USES[use])


HARVEST = """
import runpy, sys
sys.modules["yt_dlp"] = None
runpy.run_module("commands.harvest", run_name="__main__")
"""


@pytest.mark.integration
def test_a_command_without_its_package_ends_in_one_line():
    words = [sys.executable, "-c", HARVEST, "--block", "talks", "--out", "."]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"harvest: .*yt_dlp.* -r requirements/harvest\.txt\n", done.stderr)


def test_a_reason_of_several_lines_becomes_one():
    words = r"^x needs .* \(no wrapper - none\): pip install -r requirements/sql\.txt$"
    with pytest.raises(InputError, match=words), needs("sql", "x"):
        raise ImportError("no wrapper\n- none")
