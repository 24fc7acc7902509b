"""Time, memory and the machine they were spent on."""

import json
import os
import platform
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path("benchmarks/results")


@dataclass
class Lap:
    """Seconds that one piece of work took; a shared machine's wall time means little."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


@contextmanager
def timed() -> Iterator[Lap]:
    """Time a block; all threads of this process count. The lap is filled when the block ends."""
    lap = Lap()
    wall, cpu = time.perf_counter(), time.process_time()
    yield lap
    lap.wall_s = time.perf_counter() - wall
    lap.cpu_s = time.process_time() - cpu


def forget_peak() -> None:
    """Let ``peak_mb`` count from here; Linux alone can."""
    if (switch := Path("/proc/self/clear_refs")).exists():
        switch.write_text("5")


def peak_mb() -> int:
    """Most memory that this process has held since ``forget_peak``, in MiB."""
    if (status := Path("/proc/self/status")).exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) // 1024
    import resource  # elsewhere, the peak since the process began

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if platform.system() == "Linux" else peak // 1024**2


def ratio(ours: Mapping[int, Lap], peer: Mapping[int, Lap]) -> dict[str, float]:
    """How many times faster ours is: the median of the ratios of the laps that both ran."""
    both = sorted(ours.keys() & peer.keys())
    return {
        "cpu": round(median(peer[part].cpu_s / ours[part].cpu_s for part in both), 2),
        "wall": round(median(peer[part].wall_s / ours[part].wall_s for part in both), 2),
    }


def write_result(name: str, result: dict[str, Any], *, keep: bool) -> None:
    """Print a result; ``keep`` writes it to ``benchmarks/results/<name>.json`` too."""
    machine = {"cores": os.cpu_count(), "architecture": platform.machine(), "cpu": _cpu_name()}
    text = json.dumps({"machine": machine, **result}, ensure_ascii=False, indent=2, sort_keys=True)
    print(text)
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    return found[1] if found else platform.processor()
