"""Choose the workers of parallel stages by the environment variable MOTHERTONGUE_WORKERS.

Workers change when results come, but not which, so they are no hyperparameter. In ``params.yaml`` a
change of their number would make stages stale. DVC passes the environment to stages and to queue
workers:

    MOTHERTONGUE_WORKERS unset          a process for each core, after 1 s of work in this process
    MOTHERTONGUE_WORKERS=serial         only this process
    MOTHERTONGUE_WORKERS=processes:4    4 processes on this machine
    MOTHERTONGUE_WORKERS=ray            the Ray cluster of RAY_ADDRESS, else a local one; or ray:4

``prepare`` uses all of them. ``audit`` and ``transcribe`` use only ``ray``, because their models
use all cores anyway.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import InputError

VARIABLE = "MOTHERTONGUE_WORKERS"
SERIAL_S = 1.0  # processes take half a second to start, so less work than this is faster without


@dataclass(frozen=True)
class Workers:
    """The kind and number of workers.

    Attributes:
        kind: serial, processes or ray.
        num: of workers; 0 with ``ray`` is one for each core of the cluster.
        serial_s: seconds of work in this process before workers start.
    """

    kind: str
    num: int = 1
    serial_s: float = 0.0


def chosen_workers() -> Workers:
    """Read the environment variable.

    Raises:
        InputError: with the variable, the allowed values and the value that it has.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return Workers("processes", num_cores(), SERIAL_S)
    found = re.fullmatch(r"(serial)|(processes|ray)(?::([1-9][0-9]*))?", text)
    if not found:
        expected = "serial, processes, ray, or one of the last two and a count as in processes:4"
        raise InputError(f"{VARIABLE}: expected {expected}, got {text!r}")
    serial, kind, num = found.groups()
    if serial:
        return Workers(serial)
    return Workers(kind, int(num) if num else 0 if kind == "ray" else num_cores())


def num_cores() -> int:
    """The number of cores that this process may use, at least 1; a container may limit them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, _cgroup_cores()))


def _cgroup_cores() -> int:
    """The limit of the control group (version 2, as Docker and Kubernetes set it)."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return round(int(quota) / int(period))
    except (OSError, ValueError):  # no such group, or "max"
        return 1 << 16
