"""Measure time and memory, and write results with a description of the machine."""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path("benchmarks/results")


@dataclass
class Timing:
    """Seconds that one piece of work took; on a shared machine CPU time is the reliable one."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


@contextmanager
def timed() -> Iterator[Timing]:
    """Time a block, all threads of this process included; the timing is set when it ends."""
    timing = Timing()
    wall, cpu = time.perf_counter(), time.process_time()
    yield timing
    timing.wall_s = time.perf_counter() - wall
    timing.cpu_s = time.process_time() - cpu


def reset_peak(pid: int | str = "self") -> None:
    """Reset the peak that ``peak_mb`` returns; only Linux supports this."""
    if (switch := Path(f"/proc/{pid}/clear_refs")).exists():
        switch.write_text("5")


def memory_mb(pid: int | str, name: str) -> int | None:
    """A line of a process's status on Linux, such as ``VmRSS``, in MiB; None elsewhere."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(rf"{name}:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) // 1024 if found else None


def peak_mb() -> int:
    """Most memory that this process has held since ``reset_peak``, in MiB."""
    if (found := memory_mb("self", "VmHWM")) is not None:
        return found
    import resource  # on other systems: the peak since the process started

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if platform.system() == "Linux" else peak // 1024**2


# A process inherits the memory peak of the one that forked it: a small process forks the command.
LAUNCH = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = time.perf_counter() - started
with open(sys.argv[1], "w") as file:
    json.dump([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss], file)
sys.exit(done.returncode)
"""


def measured(folder: Path, *words: str) -> dict[str, float]:
    """Wall and CPU seconds and peak memory in MB of a command; its workers' memory doesn't count.

    Args:
        folder: the command's working directory.
        words: the command.
    """
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    with tempfile.NamedTemporaryFile() as result:
        launch = sys.executable, "-S", "-c", LAUNCH, result.name
        subprocess.run([*launch, *words], cwd=folder, env=environment, check=True)
        seconds, cpu_s, peak = json.load(result)
    kilobyte = 1 << 10 if sys.platform == "darwin" else 1  # ru_maxrss is in bytes on macOS
    return {
        "seconds": round(seconds, 2),
        "cpu_s": round(cpu_s, 2),
        "peak_mb": round(peak / kilobyte / 1024, 1),
    }


def ratio(ours: Mapping[int, Timing], peer: Mapping[int, Timing]) -> dict[str, float]:
    """How many times faster ours is: the median ratio over the parts that both ran."""
    both = sorted(ours.keys() & peer.keys())
    return {
        "cpu": round(median(peer[part].cpu_s / ours[part].cpu_s for part in both), 2),
        "wall": round(median(peer[part].wall_s / ours[part].wall_s for part in both), 2),
    }


def write_result(name: str, result: dict[str, Any], *, keep: bool, quiet: bool = False) -> None:
    """Print a result but if ``quiet``; ``keep`` writes it to ``benchmarks/results/<name>.json``."""
    machine = {"cores": os.cpu_count(), "architecture": platform.machine(), "cpu": _cpu_name()}
    text = json.dumps({"machine": machine, **result}, ensure_ascii=False, indent=2, sort_keys=True)
    if not quiet:
        print(text)
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    return found[1] if found else platform.processor()
