"""Where work that can be shared out is done.

That is no hyperparameter: it changes when results come, never which. So it is not in
``params.yaml``, where a run on more cores would be another run to DVC and make every stage stale
that lists it, but in the environment, which DVC hands on to stages and queue workers:

    MOTHERTONGUE_WORKERS                each core of this machine, once there was work for a second
    MOTHERTONGUE_WORKERS=serial         this process alone
    MOTHERTONGUE_WORKERS=processes:4    so many processes on this machine
    MOTHERTONGUE_WORKERS=ray            the Ray cluster that RAY_ADDRESS names, else a local one

``prepare`` heeds them all; ``audit`` and ``transcribe``, whose models use the cores by themselves,
only ``ray``.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import InputError

VARIABLE = "MOTHERTONGUE_WORKERS"
PATIENCE_S = 1.0  # processes take half a second to start: less work than this is done sooner here


@dataclass(frozen=True)
class Workers:
    """Where work is done.

    Attributes:
        kind: serial, processes or ray.
        num: how many at a time; of ``ray`` 0 is as many as the cluster has cores.
        patience_s: seconds of work done in this process before others are asked.
    """

    kind: str
    num: int = 1
    patience_s: float = 0.0


def chosen_workers() -> Workers:
    """The workers that the environment asks for.

    Raises:
        InputError: naming the variable, what it may say and what it says.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return Workers("processes", num_cores(), PATIENCE_S)
    found = re.fullmatch(r"(serial)|(processes|ray)(?::([1-9][0-9]*))?", text)
    if not found:
        expected = "serial, processes, ray, or one of the last two and a count as in processes:4"
        raise InputError(f"{VARIABLE}: expected {expected}, got {text!r}")
    serial, kind, num = found.groups()
    if serial:
        return Workers(serial)
    return Workers(kind, int(num) if num else 0 if kind == "ray" else num_cores())


def num_cores() -> int:
    """The cores that this process may use, at least one: a container may have fewer than exist."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, _cgroup_cores()))


def _cgroup_cores() -> int:
    """What control groups grant (version 2, where Docker and Kubernetes write their limits)."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return round(int(quota) / int(period))
    except (OSError, ValueError):  # no such group, or "max"
        return 1 << 16
