"""What a run does: the commit, the overrides, and commits that the Git remote lacks."""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from asr.core.errors import InputError
from asr.pods.settings import Settings


@dataclass(frozen=True)
class Run:
    """One run of ``pods/run.sh``."""

    variables: dict[str, str]  # that it reads
    credentials: dict[str, str] = field(repr=False)
    bundle: bytes | None  # of commits that the Git remote lacks


def planned_run(
    settings: Settings, name: str, overrides: list[str], *, targets: str, jobs: str,
    restart: bool, bundle: bool,
) -> Run:  # fmt: skip
    """The run of the work tree's commit.

    Args:
        settings: where data and credentials are.
        name: of the experiment.
        overrides: ``key=value`` of params.yaml.
        targets: stages; empty: all.
        jobs: how many of a sweep at once; empty: no sweep.
        restart: forget an earlier run of this name.
        bundle: send commits and changes that were not pushed.

    Raises:
        InputError: names the files or the commit that would not get there.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(f"{name!r}: expected letters, digits, dots and dashes as a name")
    repository = settings.get("REPOSITORY") or git("remote", "get-url", "origin")
    if re.match(r"\w+://[^/@]*:[^/@]*@", repository):
        raise InputError("REPOSITORY: its URL has a password, which logs would show: use GIT_TOKEN")
    changed = git("status", "--porcelain", "--untracked-files=normal").splitlines()
    if changed and not bundle:
        files = ", ".join(line[3:] for line in changed[:5])
        raise InputError(f"{len(changed)} files are not committed ({files}): commit, or --bundle")
    revision = _commit_of_all(name) if changed else git("rev-parse", "HEAD")
    pushed = bool(git("branch", "--remotes", "--contains", revision)) if not changed else False
    if not pushed and not bundle:
        raise InputError(f"commit {revision[:10]} was not pushed: git push, or --bundle")
    return Run(
        variables={
            "REPOSITORY": repository, "REVISION": revision, "EXPERIMENT": name,
            "OVERRIDES": "\n".join(overrides), "TARGETS": targets, "JOBS": jobs,
            "RESTART": "1" if restart else "",
            **{key: settings.get(key) for key in ("REMOTE", "MIRROR", "EXTRAS")},
        },
        credentials=settings.credentials(),
        bundle=None if pushed else _bundle(revision, name),
    )  # fmt: skip


def git(*words: str, **environment: str) -> str:
    """What a Git command prints.

    Raises:
        InputError: if it fails, with its last line.
    """
    asking_nobody = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **environment}
    done = subprocess.run(
        ("git", *words), env=asking_nobody, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"git {words[0]}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    return done.stdout.rstrip("\n")


def _commit_of_all(name: str) -> str:
    """A commit of the work tree that changes neither branch nor index; ignored files stay out."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        git("read-tree", "HEAD", **index)
        git("add", "--all", **index)
        tree = git("write-tree", **index)
    return git("commit-tree", tree, "-p", "HEAD", "-m", f"Uncommitted work of {name}")


def _bundle(revision: str, name: str) -> bytes:
    """A bundle of what the remote lacks; ``pods/run.sh`` fetches its ``refs/pods/``."""
    ref = f"refs/pods/{name}"
    git("update-ref", ref, revision)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "work.bundle"
            git("bundle", "create", "--quiet", str(path), ref, "--not", "--remotes")
            return path.read_bytes()
    finally:
        git("update-ref", "-d", ref)
