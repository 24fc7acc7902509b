"""Unfinished training runs: list them, compare them with a run, remove the oldest.

A run that succeeds removes its state. The state of a killed run stays in ``.dvc/tmp/scratch`` until
the same run resumes. ``facts.json`` in it lists all that determines the run.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from tqdm import tqdm

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of, write_json
from asr.core.locks import is_held, lock_folder
from asr.training.state.scratch import newest_step, remove_state

FACTS = "facts.json"
MAX_NAMES = 5  # most differences to print in one line

# "params" by section; "files": SHA-256 by path, code too; "packages": versions
Facts = Mapping[str, Mapping[str, Any]]


def run_facts(
    sections: Mapping[str, BaseModel], seed: int, paths: Iterable[Path], code: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Collect all that determines a run: params, hashes of files, versions of packages.

    Args:
        sections: sections of ``params.yaml``, by dotted name.
        seed: ``seed`` of ``params.yaml``.
        paths: files and folders that the run reads.
        code: from ``asr.core.closure.code_facts``.
    """
    found = [path for place in paths for path in (place, *place.rglob("*")) if path.is_file()]
    files = {str(path): sha256_of(path) for path in found}
    for name, version in code.items():
        if name.endswith(".py"):
            files[name] = version
    packages = {name: version for name, version in code.items() if name not in files}
    params = {name: one.model_dump(mode="json") for name, one in sections.items()}
    return {"params": {"seed": seed, **params}, "files": files, "packages": packages}


def differences(now: Facts, then: Facts) -> list[str]:
    """List what differs between two runs: params and packages with both values, files by path."""
    found = []
    for kind in ("params", "files", "packages"):
        ours, theirs = dict(_flat(now.get(kind, {}))), dict(_flat(then.get(kind, {})))
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                values = f" ({theirs.get(name)}, now {ours.get(name)})"
                found.append(name if kind == "files" else name + values)
    return found


@dataclass(frozen=True)
class Unfinished:
    """State of a run that was killed or is still running.

    Attributes:
        folder: ``train-`` and the run's key.
        step: step of the newest checkpoint; -1 if there is none.
        num_bytes: bytes on disk.
        age_s: seconds since the last write; negative if the clock was set back meanwhile.
        facts: None if the run was killed before it wrote them, or the file is damaged.
    """

    folder: Path
    step: int
    num_bytes: int
    age_s: float
    facts: Facts | None

    def __str__(self) -> str:
        done = "no step" if self.step < 0 else f"step {self.step}"
        return f"{self.folder.name} ({done}, {self.num_bytes / 1e9:.2f} GB, {_age(self.age_s)} old)"


def unfinished_trainings(scratch: Path) -> list[Unfinished]:
    """All states in ``scratch``, newest first."""
    return sorted(map(_unfinished, scratch.glob("train-*")), key=lambda one: one.age_s)


def write_facts(scratch: Path, facts: Facts) -> None:
    """Write a run's facts beside its state; if the run starts afresh, print why.

    The line lists the differences from the most similar unlocked state.
    """
    write_json(scratch / FACTS, facts)
    if newest_step(scratch) >= 0:
        return
    others = [
        (differences(facts, one.facts), one)
        for one in unfinished_trainings(scratch.parent)
        if one.facts and one.step >= 0 and not is_held(one.folder)
    ]
    if others:
        names, nearest = min(others, key=lambda pair: len(pair[0]))
        tqdm.write(f"starting afresh: the unfinished {nearest} differs in {listed(names)}")


def listed(names: list[str]) -> str:
    """Join the first ``MAX_NAMES`` names and the number of the others."""
    more = [f"{len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    return ", ".join(names[:MAX_NAMES] + more)


def remove_oldest(scratch: Path, most_gb: float) -> None:
    """Remove and report the oldest states beyond ``most_gb``; locked states don't count."""
    for partial in scratch.glob(".train-*.partial"):  # left by a process killed while removing
        shutil.rmtree(partial, ignore_errors=True)
    num_bytes = 0
    for one in unfinished_trainings(scratch):
        if is_held(one.folder):
            continue
        num_bytes += one.num_bytes
        if num_bytes > most_gb * 1e9 and remove(one):
            tqdm.write(f"removed the unfinished {one}: operations.keep_unfinished_gb is {most_gb}")


def remove(one: Unfinished) -> bool:
    """Remove a state; return false if another process has locked it."""
    with lock_folder(one.folder) as held:
        if held:
            remove_state(one.folder)
        return held


def _unfinished(folder: Path) -> Unfinished:
    """Read one state; its run may end meanwhile, so each file may be gone."""
    num_bytes, written = 0, 0.0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                file = Path(place, name).stat()
                num_bytes += file.st_size
                written = max(written, file.st_mtime)
    facts = None
    with suppress(FileNotFoundError, InputError):  # a damaged file counts as missing
        facts = read_json(folder / FACTS)
    return Unfinished(folder, newest_step(folder), num_bytes, time.time() - written, facts)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _age(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} seconds"
