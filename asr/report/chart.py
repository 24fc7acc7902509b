"""Charts as numbers an SVG can take: scales, ticks, points. The template draws them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 360.0, 200.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 14.0, 14.0, 26.0  # room for the axes' numbers


@dataclass(frozen=True)
class Scale:
    """A linear map from values to pixels, and the values worth writing at its side."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """Pixels of a value, to a tenth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def linear_scale(low: float, high: float, start: float, end: float, num_ticks: int = 4) -> Scale:
    """A scale over [low, high], widened to whole steps of 1, 2 or 5 times a power of ten."""
    if high <= low:  # one point: any span shows it
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
    """A point to look at, in pixels, and what to say of it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Panel:
    """One chart: lines over training steps.

    Attributes:
        title: what is drawn.
        summary: the same in words, for who can't see it.
        lines: the curves that have a point.
        x: scale of steps.
        y: scale of values, 0 at the bottom.
        mark: the best point, if there is one.
    """

    title: str
    summary: str
    lines: tuple[Curve, ...]
    x: Scale
    y: Scale
    mark: Mark | None = None


def panel(
    title: str, curves: Mapping[str, Points], best: tuple[float, float] | None
) -> Panel | None:
    """Lay out a chart of (step, value) points; values that are no numbers are left out.

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
    said = "; ".join(
        f"{name} from {points[0][1]:.4g} at step {points[0][0]:g} "
        f"to {points[-1][1]:.4g} at step {points[-1][0]:g}"
        for name, points in shown.items()
    )
    if best is None:
        return Panel(title, said, lines, x, y)
    mark = Mark(x(best[0]), y(best[1]), f"best {best[1]:.3f}, step {best[0]:g}")
    return Panel(title, f"{said}; {mark.text}", lines, x, y, mark)
