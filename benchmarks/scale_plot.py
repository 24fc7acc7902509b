"""Seconds and memory over the number of utterances, both axes logarithmic, as an SVG."""

from collections.abc import Sequence
from typing import Any

from benchmarks.line_plot import GAP, WIDTH, decades, panel, svg

STEPS = (
    "fetch", "prepare", "prepare, 10 more", "split", "dvc status", "one training step",
    "audit", "audit, 10 more",
)  # fmt: skip


def plot(results: dict[str, Any], steps: Sequence[str] = STEPS, time: str = "seconds") -> str:
    """An SVG of seconds, the key ``time``, and peak memory of ``steps``, over corpus size."""
    sizes = sorted(map(int, results))
    panels: list[str] = []
    for key, title in (
        (time, time.replace("cpu_s", "CPU seconds")),
        ("peak_mb", "peak memory, MB"),
    ):
        lines = {
            step: [
                (num, found[key])
                for num in sizes
                if key in (found := results[str(num)]["steps"].get(step, {}))
            ]
            for step in steps
        }
        values = [value for points in lines.values() for _, value in points]
        left = len(panels) * (WIDTH + GAP)
        panels.append(panel(lines, decades(sizes), decades(values), title, left))
    return svg(panels, steps)
