"""Find models that were trained on withdrawn recordings, in the ``dvc.lock`` of all commits."""

import subprocess
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from asr.corpora.withdrawn import hash_of_id
from asr.withdrawal.traces import Traces, utterance_rows

LOCK = "dvc.lock"
_HASH_LETTERS = 16
Lock = dict[str, Any]  # stages by name
Locks = list[tuple[list[str], Lock]]


def all_locks() -> Locks:
    """Return each version of ``dvc.lock`` in any branch, tag, experiment or the workspace.

    Each comes with the commits that wrote it, followed by experiments' names, or ``workspace``.
    """
    commits = defaultdict(list)
    named = "--decorate-refs=refs/exps", "--decorate-refs-exclude=refs/exps/exec", "--format=%H %D"
    for line in git("log", "--all", "--full-history", *named, "--", LOCK).splitlines():
        if listed := git("ls-tree", line.split()[0], LOCK):
            commits[git("cat-file", "blob", listed.split()[2])].append(line.strip())
    if Path(LOCK).is_file():
        commits[Path(LOCK).read_text(encoding="utf-8")].append("workspace")
    # PyYAML takes a seventh of ruamel.yaml's time: 0.6 s instead of 4.5 s for 23 locks. It parses
    # the number 1e-5 as a string, but only hashes and paths are read here.
    load = partial(yaml.load, Loader=yaml.CSafeLoader)
    return [(lines, load(text)["stages"]) for text, lines in commits.items()]


def hashes(lock: Lock, stage: str, kind: str) -> dict[str, str]:
    """MD5 by path of a stage's ``deps`` or ``outs``; empty if the lock has no such stage."""
    return {one["path"]: one["md5"] for one in lock.get(stage, {}).get(kind, []) if "md5" in one}


def manifests_in(lock: Lock) -> set[str]:
    """MD5s of the manifests that the stage ``train`` read."""
    return {md5 for path, md5 in hashes(lock, "train", "deps").items() if path.endswith(".jsonl")}


def find_models(
    locks: Locks, cache: Any, id_hashes: Mapping[str, str], traces: Traces
) -> list[dict[str, Any]]:
    """Find models that were trained or selected on withdrawn recordings.

    ``saw`` is None if unknown: a manifest is neither in the cache nor in ``id_hashes``.
    """

    def names_withdrawn(manifest: str) -> bool | None:
        if (path := Path(cache.oid_to_path(manifest))).is_file():
            return traces.in_file(path)
        if manifest not in id_hashes:
            return None
        named = set(id_hashes[manifest].split())
        return not named.isdisjoint(one[:_HASH_LETTERS] for one in traces.ids)

    trained: dict[tuple[str, str], tuple[set[str], list[str]]] = {}
    for commits, lock in locks:
        for path, md5 in hashes(lock, "train", "outs").items():
            if path.startswith("models/"):
                trained.setdefault((path, md5), (manifests_in(lock), []))[1].extend(commits)
    found = []
    for (path, md5), (manifests, commits) in sorted(trained.items()):
        if saw := {names_withdrawn(one) for one in manifests} - {False}:
            model = {"path": path, "md5": md5, "commits": commits, "saw": True in saw or None}
            found.append(model)
    return found


def id_hashes_in(manifest: Path) -> str:
    """The first 16 digits of each id's hash, by which later runs search a deleted manifest."""
    rows = utterance_rows(manifest)
    return " ".join(sorted(hash_of_id(row["id"])[:_HASH_LETTERS] for row in rows))


def git(*words: str) -> str:
    """Run a Git command and return its output; CalledProcessError if it fails."""
    return subprocess.run(["git", *words], stdout=subprocess.PIPE, text=True, check=True).stdout
