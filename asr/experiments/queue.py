"""Experiments in DVC's own queue: put them in, start workers, wait, read their metrics."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from asr.core.errors import InputError

DONE = ("Success", "Failed")
# A worker takes seconds to start, half a minute on a busy machine. It ends some seconds after the
# queue is empty, even if something is queued just then.
SILENCE_S = 90.0
MAX_STARTS = 4


def put(name: str, overrides: Sequence[str], target: str) -> None:
    """Queue an experiment of this name with values of params.yaml, up to a stage.

    Workers without work are waited for: one that ends can still take an experiment, which DVC then
    shows as running for ever.

    Raises:
        InputError: if DVC refuses it.
    """
    given_up = time.monotonic() + SILENCE_S
    while not _any_queued() and _any_idle() and time.monotonic() < given_up:
        time.sleep(1.0)
    words = [word for override in overrides for word in ("-S", override)]
    _dvc("exp", "run", "--queue", "--name", name, *words, target)


def forget(name: str) -> None:
    """Remove what failed or ended from the queue's list, so that its name is free."""
    _dvc("queue", "remove", name)


def kill(name: str) -> None:
    """Interrupt an experiment that runs; training saves a checkpoint first."""
    _dvc("queue", "kill", name)


def gone() -> list[str]:
    """Names of experiments that DVC shows as running, but that nothing runs.

    Their process no longer exists, or they have none yet and no worker answers that would start it.
    """
    found = _processes()
    idle = None in found.values() and not num_workers()
    return [name for name, pid in found.items() if (idle if pid is None else _is_gone(pid))]


def _processes() -> dict[str, int | None]:
    """Processes of the experiments that DVC shows as running, by name.

    An experiment that a worker has taken and not yet started has none.
    """
    from dvc.repo import Repo

    with Repo() as repo:
        queue = repo.experiments.celery_queue
        found = ((one, queue.proc.get(one.stash_rev)) for one in queue.iter_active())
        return {one.name or one.stash_rev[:7]: process and process.pid for one, process in found}


def _is_gone(pid: int) -> bool:
    """Whether the process of an experiment has ended; another one may have its number by now."""
    if Path("/proc/self").exists():
        try:
            if words := Path("/proc", str(pid), "cmdline").read_bytes():
                return b"exec-run" not in words
            # No words: a zombie, whose parent has not asked for it, or a process that is starting.
            stat = Path("/proc", str(pid), "stat").read_text()
            return stat.rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def end_gone(name: str) -> None:
    """Take an experiment of ``gone`` off the queue, so that its name is free."""
    from dvc.repo import Repo

    with Repo() as repo:
        queue = repo.experiments.celery_queue
        for one in queue.iter_active():
            process = queue.proc.get(one.stash_rev)
            if one.name == name and process is not None:
                # DVC would interrupt the process that has its number now.
                process.returncode = -1
                queue.proc[one.stash_rev] = process
    kill(name)
    forget(name)


def start_workers(num: int) -> None:
    """Start workers that end when the queue is empty; those that run count too."""
    _dvc("queue", "start", "--jobs", str(num))


def experiments() -> set[str]:
    """Names of all experiments of this repository that ended well."""
    from dvc.repo import Repo

    with Repo() as repo:
        found: Mapping[str, Any] = repo.experiments.ls(all_commits=True)
        return {name for by_baseline in found.values() for name, _ in by_baseline}


def statuses() -> dict[str, str]:
    """Queued, Running, Failed or Success, by name; the latest of a name."""
    from dvc.repo import Repo

    with Repo() as repo:
        entries = repo.experiments.celery_queue.status()
    entries.sort(key=lambda entry: (entry["status"] not in DONE, entry["timestamp"]))
    return {entry["name"]: entry["status"] for entry in entries if entry["name"]}


def _any_queued() -> bool:
    return "Queued" in statuses().values()


def _worker_tasks() -> Mapping[str, Sequence[Any]]:
    """What each worker that answers works on."""
    from dvc.repo import Repo

    with Repo() as repo:
        found: Mapping[str, Sequence[Any]] = repo.experiments.celery_queue.worker_status()
        return found


def num_workers() -> int:
    """Workers that answer."""
    return len(_worker_tasks())


def _any_idle() -> bool:
    """Whether a worker answers that works on nothing."""
    return not all(_worker_tasks().values())


def _is_worked_on() -> bool:
    """Whether a worker answers, or an experiment's process lives: a busy worker may be silent."""
    pids = (pid for pid in _processes().values() if pid is not None)
    return bool(num_workers()) or not all(map(_is_gone, pids))


def run_queued(
    names: Sequence[str], jobs: int, poll_s: float, show: Callable[[str], None] = print
) -> dict[str, str]:
    """Start workers and wait until these experiments have ended; returns their statuses.

    Raises:
        InputError: if the workers end before.
    """
    shown: dict[str, str] = {}
    start_workers(jobs)
    num_starts, answered = 1, time.monotonic()
    while True:
        found = statuses()
        for name in names:
            if (status := found.get(name, "Unknown")) != shown.get(name):
                show(f"{name}: {status}")
                shown[name] = status
        left = [name for name in names if shown[name] not in DONE]
        if not left:
            return shown
        if _is_worked_on():
            answered = time.monotonic()
        elif time.monotonic() - answered > SILENCE_S:
            if "Queued" not in shown.values() or num_starts == MAX_STARTS:
                raise InputError(
                    f"{', '.join(left)}: the queue's workers are gone; see "
                    ".dvc/tmp/exps/celery/*.out, then `dvc queue kill` those that are shown as "
                    "running, and run the same command again"
                )
            start_workers(jobs)
            num_starts, answered = num_starts + 1, time.monotonic()
        time.sleep(poll_s)


def metrics(name: str, file: str) -> Any:
    """A file of metrics of an experiment."""
    import dvc.api

    return dvc.api.metrics_show(file, rev=name)


def _dvc(*words: str) -> None:
    # The queue's workers call `dvc` from PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", *words],
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        # Not a pipe: workers inherit it, and reading it would wait for them.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if words[0] == "exp" else subprocess.DEVNULL,
        text=True,
    ) as process:
        said = process.communicate()[1] or ""
    if process.returncode:
        raise InputError(f"dvc {' '.join(words)}: {said.strip() or 'failed'}")
