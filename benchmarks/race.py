"""Competitors on the same work in turn, each in a process of its own.

A process of its own gives each its own memory to be measured and keeps what one sets (threads,
deterministic kernels) from the others. Every part of the work is done by all of them before the
next part begins, so that a slow minute of the machine hits all alike.
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

from benchmarks.measure import Lap, forget_peak, peak_mb

Work = Callable[[Any], tuple[Lap, Any]]  # does a part of the work, returns its time and its outcome
Entry = Callable[[], Work]  # loads what the work needs; called in the competitor's own process

# Threads that wait for others spin otherwise, and that would count as CPU time.
PATIENT = {"GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "passive"}


@dataclass
class Finish:
    """What a competitor did.

    Attributes:
        laps: by number of the part.
        outcomes: the same, what came out of it.
        peak_mb: most memory held at work, in MiB; what loading took is not in it.
    """

    laps: dict[int, Lap] = field(default_factory=dict)
    outcomes: dict[int, Any] = field(default_factory=dict)
    peak_mb: int = 0

    def per_clip(self) -> dict[int, Lap]:
        """Each lap's time for one clip, where the outcomes are numbers of clips."""
        return {
            number: Lap(lap.wall_s / self.outcomes[number], lap.cpu_s / self.outcomes[number])
            for number, lap in self.laps.items()
        }

    def median_a_clip(self) -> Lap:
        """The median of them."""
        laps = self.per_clip().values()
        return Lap(median(lap.wall_s for lap in laps), median(lap.cpu_s for lap in laps))


class Racer:
    """A competitor's process."""

    def __init__(self, name: str, entry: Entry) -> None:
        self.name, self.finish = name, Finish()
        spawn = multiprocessing.get_context("spawn")
        self._line, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_run, args=(entry, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._answer()

    def run(self, number: int, part: Any) -> None:
        """Do one part."""
        self._line.send(part)
        self.finish.laps[number], self.finish.outcomes[number] = self._answer()

    def end(self) -> Finish:
        """End the process; returns all that it did."""
        self._line.send(None)
        self.finish.peak_mb = self._answer()
        self._process.join()
        return self.finish

    def _answer(self) -> Any:
        try:
            fault, answer = self._line.recv()
        except EOFError:
            self._process.join()
            fault = f"its process ended with {self._process.exitcode}"
        if fault:
            raise RuntimeError(f"{self.name}: {fault}")
        return answer


def _run(entry: Entry, line: Connection) -> None:
    """The competitor's side: None ends it, anything else is a part of the work."""
    try:
        work = entry()
        forget_peak()
        line.send((None, None))
        while (part := line.recv()) is not None:
            line.send((None, work(part)))
        line.send((None, peak_mb()))
    except Exception:
        line.send((traceback.format_exc(), None))


def race(
    entries: Mapping[str, Entry], parts: Sequence[Any], slow: Mapping[str, int]
) -> dict[str, Finish]:
    """Let all do the parts in turn.

    Args:
        entries: by name.
        parts: of the work; picklable, not None.
        slow: those that do only so many of the first parts.
    """
    os.environ |= PATIENT
    racers = [Racer(name, entry) for name, entry in entries.items()]
    for number, part in enumerate(tqdm(parts, unit="part", desc="race")):
        for racer in racers:
            if number < slow.get(racer.name, len(parts)):
                racer.run(number, part)
    return {racer.name: racer.end() for racer in racers}
