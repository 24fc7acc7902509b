import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests.pipeline_repo import (
    RANDOM_WEIGHTS,
    PipelineRepo,
    copy_of_this_repository,
    smoke_params,
)
from tests.starter import write_starter
from tests.trained_repo import write_trained

# A busy machine is no fault of the code: no test is timed.
settings.register_profile("untimed", deadline=None)
# That a test fails is all that mutmut asks for: to shrink the example takes most of its time.
settings.register_profile("mutants", deadline=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("mutants" if "MUTANT_UNDER_TEST" in os.environ else "untimed")

# Many containers set it: every process then compiles torch and transformers again, which takes 8 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

KINDS = ("unit", "integration", "slow")


def pytest_make_parametrize_id(val, argname):
    """Tests are named alike in all processes: a WAV holds the second in which it was made."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items):
    """Mark what has no marker as a unit test; pyproject.toml says what the markers mean."""
    for item in items:
        kinds = [kind for kind in KINDS if item.get_closest_marker(kind)]
        if len(kinds) > 1:
            raise pytest.UsageError(f"{item.nodeid}: expected one of {KINDS}, got {kinds}")
        if not kinds:
            item.add_marker("unit")
    # One process runs the pipeline at once, while the other is busy with tests that do not need it.
    items.sort(key=lambda item: "reproduced" not in item.fixturenames)


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of 256 KiB; mounting one needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no right to mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Makes a folder of this name, once for all the processes that share the tests."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def made(name, make):
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = shared / f"{name}.txt"
            if not done.exists():
                folder = tmp_path_factory.mktemp(name)
                make(folder)
                done.write_text(str(folder))
        return Path(done.read_text())

    return made


@pytest.fixture(scope="session")
def reproduced(made_once):
    """A repository in which `dvc repro` has run the whole pipeline on random weights, committed."""
    return PipelineRepo(made_once("pipeline", _reproduce))


@pytest.fixture(scope="session")
def trained(made_once):
    """A repository in which training has run once, pushed to a DVC remote of its own."""
    return PipelineRepo(made_once("trained", write_trained) / "repo")


@pytest.fixture(scope="session")
def starter(made_once):
    """A folder with recordings of the starter corpus and the base model."""
    return made_once("starter", write_starter)


def _reproduce(folder):
    repo = copy_of_this_repository(folder)
    repo.set_params(smoke_params() | RANDOM_WEIGHTS)
    (repo.folder / "dvc.lock").unlink(missing_ok=True)
    repo.commit("The smallest pipeline")
    repo.run("dvc", "repro")
    repo.commit("Run it")
