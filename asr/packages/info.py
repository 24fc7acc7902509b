"""What a package can't hold, since it differs between equal runs: commit, machine, duration."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of
from asr.core.locks import dvc_tmp
from asr.packages.manifest import MANIFEST
from asr.packages.write import SUMS
from asr.withdrawal.models import all_locks, git

# Those that change results or files; conf/constraints.txt pins the rest.
DISTRIBUTIONS = (
    "torch", "transformers", "accelerate", "peft", "ctranslate2", "tokenizers", "safetensors",
    "numpy", "soundfile", "soxr", "pyarrow", "dvc",
)  # fmt: skip


def package_info(folder: Path) -> dict[str, Any]:
    """Commits, environment, hardware and duration of a package's run, as far as known here.

    Environment and hardware are of this machine now. If the package was made elsewhere, run this
    there.

    Raises:
        InputError: if there is no Git repository.
        OSError: if the folder is no package.
    """
    manifest = read_json(folder / MANIFEST)
    return {
        "name": manifest["name"],
        "version": manifest["version"],
        "sha256sums_sha256": sha256_of(folder / SUMS),
        "head": head(),
        "commits": commits_of(manifest["lock"]),
        "environment": environment(),
        "hardware": hardware(),
        "training": training(manifest["hyperparameters"], (dvc_tmp() / "logs").glob("train-*")),
    }


def commits_of(lock: Mapping[str, str]) -> list[str]:
    """The commits, or ``workspace``, in whose ``dvc.lock`` all inputs of the package are."""
    found: list[str] = []
    for commits, stages in all_locks():
        outs = {
            (out["path"], out.get("md5"))
            for stage in stages.values()
            for out in stage.get("outs", ())
        }
        if lock.items() <= outs:
            found += commits
    return found


def head() -> dict[str, Any]:
    """The commit that is checked out, and the tracked files that differ from it.

    Raises:
        InputError: if there is none, as in an unpacked archive.
    """
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(
            f"{Path.cwd()}: expected a Git repository with a commit, which a release names; got: "
            f"{done.stderr.strip().splitlines()[0]}"
        )
    changed = git("status", "--porcelain", "--untracked-files=no").splitlines()
    return {
        "commit": done.stdout.strip(),
        "changed": [line[3:] for line in changed],
    }


def environment() -> dict[str, str | None]:
    """Versions of Python and of the packages that change results."""
    return {"python": platform.python_version(), **{one: _version(one) for one in DISTRIBUTIONS}}


def hardware() -> dict[str, Any]:
    """System, processor, cores, memory in GB, and names of NVIDIA GPUs."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "gpus": _gpus(),
    }


def training(hyperparameters: Mapping[str, Any], logs: Iterable[Path]) -> dict[str, Any] | None:
    """The newest log of a training with these values, and the seconds that it ran; None if none."""
    found = []
    for path in logs:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        config = rows[0].get("config", {}) if rows else {}
        same = ("seed", "model", "train", "split")
        if all(config.get(key) == hyperparameters[key] for key in same):
            found.append((rows[-1]["timestamp"], path.name, _seconds(rows)))
    if not found:
        return None
    _, name, seconds = max(found)
    return {"log": name, "seconds": round(seconds, 1)}


def _seconds(rows: Iterable[Mapping[str, Any]]) -> float:
    """The time of all sessions; the pauses before a resumption don't count."""
    total, last = 0.0, None
    for row in rows:
        now = datetime.fromisoformat(row["timestamp"])
        if last is not None and row.get("event") != "start":
            total += (now - last).total_seconds()
        last = now
    return total


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _gpus() -> list[str]:
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines() if done.returncode == 0 else []
