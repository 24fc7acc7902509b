"""Lay out the charts of a sweep: its trials in their order, and the error by each value tried."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asr.core.files import read_json
from asr.report.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, linear_scale

TEMPLATES = Path(__file__).with_name("templates")
COLUMNS = 2  # of charts in the picture
NUM_TICKS = 4


@dataclass(frozen=True)
class Dot:
    """One trial, in pixels; ``kind`` is ``trained``, ``early`` or ``best``."""

    x: float
    y: float
    kind: str
    text: str


@dataclass(frozen=True)
class Scatter:
    """A chart of trials; ticks are pixels with their labels, ``line`` joins the best so far."""

    title: str
    summary: str
    dots: tuple[Dot, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    line: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Sweep:
    """A sweep's charts, with a line on what was tried."""

    name: str
    sentence: str
    charts: tuple[Scatter, ...]


def read_sweeps(folder: Path) -> list[Sweep]:
    """Charts of all sweeps that have results, by name."""
    return [sweep_charts(path.stem, read_json(path)) for path in sorted(folder.glob("*.json"))]


def sweep_charts(name: str, results: Mapping[str, Any]) -> Sweep:
    """Lay out the charts of ``sweeps/<name>.json``; trials without an error are left out."""
    shown = [one for one in results["trials"] if one["error"] is not None]
    trained = [one for one in shown if one["state"] == "trained"]
    best = min(trained, key=lambda one: (one["error"], one["number"]), default=None)
    charts = [_scatter("trial", [one["number"] for one in shown], "linear", shown, best)]
    for key, span in sorted(results["space"].items()):
        values = [one["values"][key] for one in shown]
        kind = "choice" if "values" in span else span["scale"]
        charts.append(_scatter(key, values, kind, shown, best, span.get("values")))
    early = sum(one["state"] == "ended early" for one in shown)
    failed = len(results["trials"]) - len(shown)
    sentence = f"{len(results['trials'])} trials, {early} of them ended early"
    sentence += f", {failed} without a result" if failed else ""
    if best is not None:
        tried = ", ".join(f"{key} {value}" for key, value in sorted(best["values"].items()))
        sentence += f"; {results['error'].upper()} {best['error']:.3f} with {tried}"
    return Sweep(name, sentence, tuple(charts) if shown else ())


def sweep_svg(name: str, results: Mapping[str, Any]) -> str:
    """The charts as one picture, for the docs."""
    return _environment().get_template("sweep.svg.j2").render(
        sweep=sweep_charts(name, results), width=WIDTH, height=HEIGHT, columns=COLUMNS,
        left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM,
    )  # fmt: skip


def _scatter(
    title: str,
    values: Sequence[Any],
    kind: str,
    trials: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any] | None,
    choices: Sequence[Any] | None = None,
) -> Scatter:
    errors = [one["error"] for one in trials]
    y = linear_scale(0.0, max(errors, default=1.0), HEIGHT - BOTTOM, TOP)
    places, ticks = _places(values, kind, choices)
    dots = []
    for one, x in zip(trials, places, strict=True):
        drawn = "best" if one is best else "trained" if one["state"] == "trained" else "early"
        tried = ", ".join(f"{key} {value}" for key, value in sorted(one["values"].items()))
        text = f"trial {one['number']}: {one['error']:.3f}, {tried}"
        dots.append(Dot(x, y(one["error"]), drawn, text))
    line = []
    if title == "trial":
        lowest = math.inf
        for one, x in zip(trials, places, strict=True):
            if one["state"] == "trained":
                lowest = min(lowest, one["error"])
                line.append((x, y(lowest)))
    summary = f"error on dev of {len(trials)} trials by {title}"
    y_ticks = tuple((y(tick), f"{tick:g}") for tick in y.ticks)
    # The best one last: its ring is drawn over the others.
    ordered = tuple(sorted(dots, key=lambda dot: dot.kind == "best"))
    return Scatter(title, summary, ordered, ticks, y_ticks, tuple(line))


def _places(
    values: Sequence[Any], kind: str, choices: Sequence[Any] | None
) -> tuple[list[float], tuple[tuple[float, str], ...]]:
    """Pixels of the values, and of the ticks with their labels."""
    if kind == "choice":
        names = list(choices or ())
        apart = (WIDTH - RIGHT - LEFT) / len(names)
        middles = {json.dumps(one): LEFT + apart * (n + 0.5) for n, one in enumerate(names)}
        ticks = tuple((round(middles[json.dumps(one)], 1), str(one)) for one in names)
        return [round(middles[json.dumps(value)], 1) for value in values], ticks
    numbers = [math.log10(value) if kind == "log" else float(value) for value in values]
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if kind == "log":
        span = (high - low) or 1.0
        at = [low + span * n / (NUM_TICKS - 1) for n in range(NUM_TICKS)]
        edge = 0.06 * (WIDTH - RIGHT - LEFT)

        def place(number: float) -> float:
            share = (number - low) / span
            return round(LEFT + edge + share * (WIDTH - RIGHT - LEFT - 2 * edge), 1)

        return [place(one) for one in numbers], tuple((place(t), f"{10**t:.2g}") for t in at)
    x = linear_scale(low, high, LEFT + 8.0, WIDTH - RIGHT)
    return [x(one) for one in numbers], tuple((x(tick), f"{tick:g}") for tick in x.ticks)


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
