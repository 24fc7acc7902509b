"""Models that were trained on withdrawn recordings, as the ``dvc.lock`` of any commit has them."""

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
    """Each content that ``dvc.lock`` has or had in any branch, tag or experiment.

    With the commits that brought it, the names of experiments behind theirs, and ``workspace``.
    """
    commits = defaultdict(list)
    named = "--decorate-refs=refs/exps", "--decorate-refs-exclude=refs/exps/exec", "--format=%H %D"
    for line in git("log", "--all", "--full-history", *named, "--", LOCK).splitlines():
        if listed := git("ls-tree", line.split()[0], LOCK):
            commits[git("cat-file", "blob", listed.split()[2])].append(line.strip())
    if Path(LOCK).is_file():
        commits[Path(LOCK).read_text(encoding="utf-8")].append("workspace")
    # PyYAML takes a seventh of ruamel.yaml's time: 0.6 s instead of 4.5 s for 23 locks. Only hashes
    # and paths are looked at: it takes 1e-5, as params have it, for a string.
    load = partial(yaml.load, Loader=yaml.CSafeLoader)
    return [(lines, load(text)["stages"]) for text, lines in commits.items()]


def hashes(lock: Lock, stage: str, kind: str) -> dict[str, str]:
    """MD5 of each of a stage's ``deps`` or ``outs`` by path; none if it did not run."""
    return {one["path"]: one["md5"] for one in lock.get(stage, {}).get(kind, []) if "md5" in one}


def manifests_in(lock: Lock) -> set[str]:
    """MD5 of the manifests that training read."""
    return {md5 for path, md5 in hashes(lock, "train", "deps").items() if path.endswith(".jsonl")}


def models_that_saw(
    locks: Locks, cache: Any, remembered: Mapping[str, str], traces: Traces
) -> list[dict[str, Any]]:
    """Models that learned from withdrawn recordings or were chosen by them, or may have been.

    What ``saw`` is None may have: a manifest of its is gone, and not ``remembered`` by its MD5.
    """

    def named_some(manifest: str) -> bool | None:
        if (path := Path(cache.oid_to_path(manifest))).is_file():
            return traces.in_file(path)
        if manifest not in remembered:
            return None
        named = set(remembered[manifest].split())
        return not named.isdisjoint(one[:_HASH_LETTERS] for one in traces.ids)

    trained: dict[tuple[str, str], tuple[set[str], list[str]]] = {}
    for commits, lock in locks:
        for path, md5 in hashes(lock, "train", "outs").items():
            if path.startswith("models/"):
                trained.setdefault((path, md5), (manifests_in(lock), []))[1].extend(commits)
    found = []
    for (path, md5), (manifests, commits) in sorted(trained.items()):
        if saw := {named_some(one) for one in manifests} - {False}:
            model = {"path": path, "md5": md5, "commits": commits, "saw": True in saw or None}
            found.append(model)
    return found


def remember(manifest: Path) -> str:
    """What tells a later withdrawal whom a manifest named: the beginning of each id's hash."""
    rows = utterance_rows(manifest)
    return " ".join(sorted(hash_of_id(row["id"])[:_HASH_LETTERS] for row in rows))


def git(*words: str) -> str:
    """What Git says."""
    return subprocess.run(["git", *words], stdout=subprocess.PIPE, text=True, check=True).stdout
