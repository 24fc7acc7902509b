"""Run several tools on the same work in turn, each in a process of its own.

Separate processes allow to measure each tool's memory, and a tool's settings (threads,
deterministic kernels) don't affect the others. All tools finish a part of the work before the next
part begins, so that a slow minute of the machine affects all of them.
"""

import multiprocessing
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

from tqdm import tqdm

from benchmarks.measure import Timing, peak_mb, reset_peak

Work = Callable[[Any], tuple[Timing, Any]]  # does one part; returns its time and its outcome
Loader = Callable[[], Work]  # loads a tool in the tool's own process

# Otherwise waiting OpenMP threads spin, and that would count as CPU time.
NO_SPINNING = {"GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "passive"}


@dataclass
class Measurements:
    """Measurements of one tool.

    Attributes:
        timings: by the part's number.
        outcomes: of the work, by the part's number.
        peak_mb: peak memory of the work, in MiB, without that of loading.
    """

    timings: dict[int, Timing] = field(default_factory=dict)
    outcomes: dict[int, Any] = field(default_factory=dict)
    peak_mb: int = 0

    def per_clip(self) -> dict[int, Timing]:
        """Timings per clip, by part; outcomes must be numbers of clips."""
        return {
            number: Timing(one.wall_s / self.outcomes[number], one.cpu_s / self.outcomes[number])
            for number, one in self.timings.items()
        }

    def median_a_clip(self) -> Timing:
        """The median over the parts of ``per_clip``."""
        timings = self.per_clip().values()
        return Timing(
            median(one.wall_s for one in timings),
            median(one.cpu_s for one in timings),
        )


class ToolProcess:
    """The process of one tool."""

    def __init__(self, name: str, load: Loader) -> None:
        self.name, self.measured = name, Measurements()
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_run, args=(load, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._answer()

    def run(self, number: int, part: Any) -> None:
        """Run one part and store its measurements."""
        self._pipe.send(part)
        self.measured.timings[number], self.measured.outcomes[number] = self._answer()

    def end(self) -> Measurements:
        """End the process and return its measurements."""
        self._pipe.send(None)
        self.measured.peak_mb = self._answer()
        self._process.join()
        return self.measured

    def _answer(self) -> Any:
        try:
            fault, answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            fault = f"its process ended with {self._process.exitcode}"
        if fault:
            raise RuntimeError(f"{self.name}: {fault}")
        return answer


def _run(load: Loader, pipe: Connection) -> None:
    """In the tool's process: work on each part that arrives, until None."""
    try:
        work = load()
        reset_peak()
        pipe.send((None, None))
        while (part := pipe.recv()) is not None:
            pipe.send((None, work(part)))
        pipe.send((None, peak_mb()))
    except Exception:
        pipe.send((traceback.format_exc(), None))


def measure_in_turn(
    tools: Mapping[str, Loader], parts: Sequence[Any], slow: Mapping[str, int]
) -> dict[str, Measurements]:
    """Run all tools on each part before the next part.

    Args:
        tools: by name.
        parts: of the work; picklable, not None.
        slow: by name, the number of first parts that a slow tool runs.
    """
    os.environ |= NO_SPINNING
    processes = [ToolProcess(name, load) for name, load in tools.items()]
    for number, part in enumerate(tqdm(parts, unit="part", desc="benchmark")):
        for process in processes:
            if number < slow.get(process.name, len(parts)):
                process.run(number, part)
    return {process.name: process.end() for process in processes}
