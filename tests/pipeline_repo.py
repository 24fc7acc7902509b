"""A copy of this repository to run real DVC commands in."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.core.params import read_yaml
from asr.experiments.recipes import in_hydra

ROOT = Path(__file__).parent.parent
# What runs stages to see that they run needs no model that understands anything.
RANDOM_WEIGHTS = {"model.name": "random", "audit.judge.name": "random"}


@dataclass(frozen=True)
class PipelineRepo:
    """A Git and DVC repository in ``folder``."""

    folder: Path

    def run(self, *words: str, succeeds: bool = True, **environment: str) -> str:
        """Run a command in it and return what it printed; fails the test if the command does."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**_environment(), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == succeeds, f"{' '.join(words)}\n{done.stdout[-6000:]}"
        return done.stdout

    @contextmanager
    def started(self, *words: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command that runs in a process group of its own, for the time of the block."""
        environment = {**_environment(), **environment}
        with subprocess.Popen(
            words,
            cwd=self.folder,
            env=environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            yield process

    def set_params(self, overrides: dict[str, object]) -> None:
        """Write values into params.yaml as ``-S`` does."""
        from dvc.utils.hydra import apply_overrides

        lines = [f"{key}={in_hydra(value)}" for key, value in overrides.items()]
        apply_overrides(self.folder / "params.yaml", lines)

    def commit(self, message: str) -> None:
        """Commit everything that Git doesn't ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)

    def clone(self, folder: Path) -> "PipelineRepo":
        """Clone it, as a colleague would: no cache, no data."""
        self.run("git", "clone", "--quiet", str(self.folder), str(folder))
        return PipelineRepo(folder)

    def share_cache_of(self, other: "PipelineRepo") -> None:
        """Link to what the other has instead of copying it: whole models, for every test."""
        cache = other.folder / ".dvc" / "cache"
        (self.folder / ".dvc" / "config.local").write_text(
            f"[cache]\n    dir = {cache}\n    type = hardlink,symlink\n"
        )


def copy_of_this_repository(folder: Path) -> PipelineRepo:
    """Copy what Git would track, and commit it; what is copied may have no history itself."""
    repo = PipelineRepo(folder)
    repo.run("git", "init", "--quiet", "--initial-branch", "main")
    # To the new repository every file of this folder is one that it does not track yet.
    here = ("--git-dir", str(folder / ".git"), "--work-tree", str(ROOT))
    listing = ("ls-files", "-z", "--others", "--exclude-standard")
    for name in filter(None, repo.run("git", "-C", str(ROOT), *here, *listing).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    repo.commit("The repository as it is")
    return repo


def experiments(repo: PipelineRepo) -> dict[str, Any]:
    """Experiments by name, with their params and metrics."""
    shown = json.loads(repo.run("dvc", "exp", "show", "--json"))
    revisions = [r for base in shown for e in base["experiments"] or () for r in e["revs"]]
    return {revision["name"]: revision["data"] for revision in revisions}


def out_hashes(repo: PipelineRepo) -> dict[str, str]:
    """MD5 of every out by path, as dvc.lock has them."""
    stages = read_yaml(repo.folder / "dvc.lock")["stages"].values()
    return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", ())}


def wait_for(happened: Callable[[], bool], timeout_s: float = 300, pause_s: float = 0.01) -> None:
    """Wait until ``happened()`` is true."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(pause_s)


def is_alive(process_group: int) -> bool:
    """Whether any process of the group is left: DVC goes at SIGTERM, its stage saves first."""
    try:
        os.killpg(process_group, 0)
    except ProcessLookupError:
        return False
    return True


def smoke_params() -> dict[str, object]:
    """The overrides of the fast run."""
    overrides: dict[str, object] = read_yaml(ROOT / "recipes" / "smoke.yaml")
    return overrides


def _environment() -> dict[str, str]:
    # The queue's workers call `dvc` from PATH; a CI machine may know no Git user.
    who = {"NAME": "Test", "EMAIL": "test@example.org"}
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
           for key, value in who.items()},
        "TQDM_DISABLE": "1",
    }  # fmt: skip
