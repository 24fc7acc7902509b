"""What DVC ever made here: the ``dvc.lock`` of every commit and experiment, and the workspace's."""

import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from asr.core.errors import InputError
from asr.core.files import whole_file
from asr.corpora.withdrawn import hash_of_id
from asr.withdrawal.traces import Traces, utterance_rows

LOCK = "dvc.lock"
TRAIN = "train"
WORKSPACE = "workspace"
# What a manifest that had to go held: the beginning of each id's hash, a line each, by its own MD5.
REMEMBERED = Path("metrics/withdrawals/manifests")
_HASH_LETTERS = 16


@dataclass(frozen=True)
class Lock:
    """One content of ``dvc.lock``.

    Attributes:
        commits: those that brought it, and ``workspace``.
        stages: by name, as in the file.
    """

    commits: tuple[str, ...]
    stages: dict[str, Any]

    def deps(self, stage: str) -> dict[str, str]:
        """Hash of each dependency of a stage by path; none if the stage did not run."""
        return self._hashes(stage, "deps")

    def manifests(self) -> set[tuple[str, str]]:
        """Path and hash of each manifest that training read."""
        return {one for one in self.deps(TRAIN).items() if one[0].endswith(".jsonl")}

    def outs(self, stage: str) -> dict[str, str]:
        """Hash of each out of a stage by path; none if the stage did not run."""
        return self._hashes(stage, "outs")

    def all_outs(self) -> dict[str, str]:
        """Hash of every out by path."""
        return {path: md5 for stage in self.stages for path, md5 in self.outs(stage).items()}

    def _hashes(self, stage: str, kind: str) -> dict[str, str]:
        entries = self.stages.get(stage, {}).get(kind, [])
        return {entry["path"]: entry["md5"] for entry in entries if "md5" in entry}


@dataclass(frozen=True)
class Model:
    """Weights that a run of training wrote.

    Attributes:
        path: out of the stage.
        md5: its hash.
        commits: those whose ``dvc.lock`` has it, or ``workspace``.
        experiments: names of those among them that are experiments.
        saw: whether withdrawn utterances were among what it learned from or was chosen by; None
            where the manifests are in no cache, so that nothing says.
        manifests: those that hold withdrawn utterances, or are not there.
    """

    path: str
    md5: str
    commits: list[str]
    experiments: list[str]
    saw: bool | None
    manifests: list[str]


def all_locks() -> list[Lock]:
    """Every content that ``dvc.lock`` has or had, in any branch, tag or experiment."""
    commits_of: dict[str, list[str]] = defaultdict(list)
    for commit in git("log", "--all", "--full-history", "--format=%H", "--", LOCK).split():
        if listed := git("ls-tree", commit, LOCK):
            commits_of[git("cat-file", "blob", listed.split()[2])].append(commit)
    if Path(LOCK).is_file():
        commits_of[Path(LOCK).read_text(encoding="utf-8")].append(WORKSPACE)
    reader = YAML(typ="safe")
    return [
        Lock(tuple(commits), (reader.load(StringIO(text)) or {}).get("stages", {}))
        for text, commits in commits_of.items()
    ]


def models_of(
    locks: list[Lock], cached: Mapping[str, str], removed: set[str], traces: Traces
) -> list[Model]:
    """Every model that was ever trained here, and whether it saw withdrawn utterances.

    Args:
        locks: all there are.
        cached: paths of the cache's objects.
        removed: names of objects that an earlier run removed, since they held the same.
        traces: what is withdrawn.
    """
    names = experiment_names()
    commits: dict[tuple[str, str], set[str]] = {}
    inputs: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for lock in locks:
        for path, md5 in lock.outs(TRAIN).items():
            if path.startswith("models/"):
                commits.setdefault((path, md5), set()).update(lock.commits)
                inputs.setdefault((path, md5), set()).update(lock.manifests())
    models = []
    for (path, md5), of in sorted(commits.items()):
        held: dict[str, bool | None] = {}
        for name, oid in sorted(inputs[path, md5]):
            held[f"{name} {oid}"] = oid in removed or _held(oid, cached, traces)
        saw = True if True in held.values() else None if None in held.values() else False
        told = sorted(names[one] for one in of & names.keys())
        looked = [name for name, verdict in held.items() if verdict is not False]
        models.append(Model(path, md5, sorted(of), told, saw, looked))
    return models


def remember(locks: list[Lock], objects: Mapping[str, str]) -> None:
    """Keep of manifests that training read, and that now must go, what tells a later withdrawal.

    Args:
        locks: all there are.
        objects: paths of the objects that must go, by name.
    """
    for oid in sorted({oid for lock in locks for _, oid in lock.manifests()} & objects.keys()):
        rows = utterance_rows(Path(objects[oid]))
        hashes = sorted(hash_of_id(row["id"])[:_HASH_LETTERS] for row in rows)
        with whole_file(REMEMBERED / f"{oid}.txt") as beside:
            beside.write_text("".join(f"{one}\n" for one in hashes), encoding="utf-8")


def _held(oid: str, cached: Mapping[str, str], traces: Traces) -> bool | None:
    """Whether a manifest held any of it; None if it is gone, and was not remembered."""
    if oid in cached:
        return traces.in_file(Path(cached[oid]))
    path = REMEMBERED / f"{oid}.txt"
    if not path.is_file():
        return None
    known = set(path.read_text(encoding="utf-8").split())
    return not known.isdisjoint(one[:_HASH_LETTERS] for one in traces.ids)


def experiment_names() -> dict[str, str]:
    """Names of experiments, by commit."""
    listed = git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").splitlines()
    named = [line.split(" ", 1) for line in listed]
    return {commit: ref.rpartition("/")[2] for commit, ref in named if "/exec/" not in ref}


def git(*words: str) -> str:
    """What Git says.

    Raises:
        InputError: if it fails; with its message.
    """
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
