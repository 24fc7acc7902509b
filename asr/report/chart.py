"""Compute the coordinates of the charts: scales, ticks, points. The template draws the SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 360.0, 200.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 14.0, 28.0  # room for the axes' numbers
MOST_STEPS = 12  # of the table beside a chart


@dataclass(frozen=True)
class Scale:
    """A linear map from [low, high] to pixels [start, end], and the values of its ticks."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """Map a value to pixels, rounded to 0.1."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def linear_scale(low: float, high: float, start: float, end: float, num_ticks: int = 4) -> Scale:
    """Build a scale over [low, high], widened to steps of 1, 2 or 5 times a power of ten."""
    if high <= low:  # a single value needs a span above zero
        high = low + (abs(low) or 1.0)
    rough = (high - low) / num_ticks
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(float(f"{number * step:.10g}") for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], start, end, ticks)


@dataclass(frozen=True)
class Curve:
    """One curve, in pixels."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Mark:
    """A highlighted point, in pixels, and its label."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Start:
    """A vertical line where something begins, in pixels, and its label."""

    x: float
    text: str


@dataclass(frozen=True)
class Numbers:
    """Some values of all curves, for a table: by step one value a curve, None where it has none."""

    names: tuple[str, ...]
    rows: tuple[tuple[float, tuple[float | None, ...]], ...]


@dataclass(frozen=True)
class Panel:
    """One chart: lines over training steps.

    Attributes:
        title: heading.
        summary: description for screen readers.
        lines: the curves that have at least one point.
        x: scale of the training steps.
        y: scale of the values, starting at 0 or below.
        numbers: for a table beside the chart.
        mark: the best point, None if there is none.
        starts: where phases of training start.
    """

    title: str
    summary: str
    lines: tuple[Curve, ...]
    x: Scale
    y: Scale
    numbers: Numbers
    mark: Mark | None = None
    starts: tuple[Start, ...] = ()


def panel(
    title: str,
    curves: Mapping[str, Points],
    best: tuple[float, float] | None,
    starts: Sequence[tuple[float, str]] = (),
) -> Panel | None:
    """Lay out a chart of (step, value) points; drop non-finite values and highlight ``best``.

    ``starts`` are the steps of vertical lines, with their labels.

    Returns:
        None if no curve has a point.
    """
    finite = {
        name: [(x, y) for x, y in points if math.isfinite(y)] for name, points in curves.items()
    }
    shown = {name: points for name, points in finite.items() if points}
    if not shown:
        return None
    every = [point for points in shown.values() for point in points]
    x = linear_scale(0, max(step for step, _ in every), LEFT, WIDTH - RIGHT)
    values = [value for _, value in every]
    y = linear_scale(min(0.0, *values), max(values), HEIGHT - BOTTOM, TOP)
    lines = tuple(
        Curve(name, tuple((x(step), y(value)) for step, value in points))
        for name, points in shown.items()
    )
    summary = "; ".join(
        f"{name} from {points[0][1]:.4g} at step {points[0][0]:g} "
        f"to {points[-1][1]:.4g} at step {points[-1][0]:g}"
        for name, points in shown.items()
    )
    mark = None
    if best is not None:
        mark = Mark(x(best[0]), y(best[1]), f"best {best[1]:.3f}, step {best[0]:g}")
        summary = f"{summary}; {mark.text}"
    summary += "".join(f"; from step {step:g} on: {text}" for step, text in starts)
    verticals = tuple(Start(x(step), text) for step, text in starts)
    return Panel(title, summary, lines, x, y, _numbers(shown), mark, verticals)


def _numbers(curves: Mapping[str, Points]) -> Numbers:
    """At most ``MOST_STEPS`` steps, evenly spaced, the first and the last among them."""
    by_name = {name: dict(points) for name, points in curves.items()}
    steps = sorted({step for points in by_name.values() for step in points})
    apart = max(1, math.ceil((len(steps) - 1) / (MOST_STEPS - 1)))
    some = sorted({*steps[::apart], steps[-1]})
    rows = ((step, tuple(points.get(step) for points in by_name.values())) for step in some)
    return Numbers(tuple(by_name), tuple(rows))
