"""Time and the machine it was spent on."""

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from asr.error_rate import pooled, word_errors
from asr.params import load_params
from asr.schemas.score import Params as ScoreParams
from asr.text import Normalizers
from asr.utterance import Utterance

RESULTS = Path("benchmarks/results")


@dataclass
class Stopwatch:
    """Seconds of each lap, by wall and by CPU; a shared machine's wall time means little."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    @contextmanager
    def lap(self) -> Iterator[None]:
        """Time one block; all threads of this process count."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s.append(time.perf_counter() - wall)
        self.cpu_s.append(time.process_time() - cpu)

    def per_second(self, count_a_lap: float) -> dict[str, float]:
        """Medians over the laps of how many a second."""
        return {
            "per_wall_s": round(count_a_lap / median(self.wall_s), 3),
            "per_cpu_s": round(count_a_lap / median(self.cpu_s), 3),
        }


def ratio(ours: Stopwatch, peer: Stopwatch) -> dict[str, float]:
    """How many times faster ours is: the median of the laps' ratios, run in turn."""
    laps = {"wall": (peer.wall_s, ours.wall_s), "cpu": (peer.cpu_s, ours.cpu_s)}
    return {
        kind: round(median(p / o for p, o in zip(theirs, mine, strict=True)), 2)
        for kind, (theirs, mine) in laps.items()
    }


def pooled_wer(utterances: Sequence[Utterance], texts: Mapping[str, str]) -> float | None:
    """WER of texts by utterance id, as the score stage counts it."""
    normalize = Normalizers(load_params("score", ScoreParams).normalizers).normalize
    return pooled(
        word_errors(normalize(u.text, u.language), normalize(texts[u.id], u.language))
        for u in utterances
    ).rate


def write_result(name: str, result: dict[str, Any]) -> None:
    """Print a result and write it to ``benchmarks/results/<name>.json``."""
    machine = {"cores": os.cpu_count(), "architecture": platform.machine()}
    text = json.dumps({"machine": machine, **result}, ensure_ascii=False, indent=2, sort_keys=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)
