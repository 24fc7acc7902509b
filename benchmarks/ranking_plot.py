"""The plot of ``benchmarks.ranking``."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks.line_plot import COLORS, GAP, WIDTH, Lines, from_zero, panel, svg

RANDOM = "random"
RANKED = "confidence"  # the order that is trained; the errors of all are counted


def plot(result: Mapping[str, Any]) -> str:
    """WER over corrected minutes: the mean over the seeds, and each seed."""
    rounds = result["rounds"]
    every = {way: _curves(rounds, way) for way in (RANKED, RANDOM)}
    means: Lines = {
        way: [(curves[0][i][0], fmean(c[i][1] for c in curves)) for i in range(len(rounds))]
        for way, curves in every.items()
    }
    single: Lines = {
        f"{way}, seed {seed}": curve
        for seed, both in zip(result["seeds"], zip(*every.values(), strict=True), strict=True)
        for way, curve in zip(every, both, strict=True)
    }
    points = [point for line in (*means.values(), *single.values()) for point in line]
    x, y = (from_zero(point[axis] for point in points) for axis in (0, 1))
    title = "WER, by corrected minutes"
    panels = [
        panel(means, x, y, f"{title}: mean of {len(result['seeds'])} seeds", 0),
        panel(single, x, y, f"{title}: each seed", WIDTH + GAP, COLORS[: len(means)] * len(single)),
    ]
    return svg(panels, list(means))


def _curves(rounds: Sequence[Any], way: str) -> list[list[tuple[float, float]]]:
    """A line for each seed; in the first round there is one choice for all ways."""
    wers = [row.get(way, row[RANDOM])["wer"] for row in rounds]
    minutes = [row["minutes"] for row in rounds]
    return [list(zip(minutes, line, strict=True)) for line in zip(*wers, strict=True)]
