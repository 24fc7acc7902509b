"""Lines over two axes, in panels of an SVG."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 380, 260, 50, 30, 40, 30
COLORS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#9c6b4e", "#a463f2", "#97bbf5")
Lines = Mapping[str, Sequence[tuple[float, float]]]  # points by name


@dataclass(frozen=True)
class Axis:
    """Values with a label; the first and the last are the ends of the axis."""

    ticks: tuple[float, ...]
    logarithmic: bool

    def place(self, value: float) -> float:
        """Where a value is on the axis, from 0 to 1."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.logarithmic:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return (value - low) / (high - low)


def decades(values: Iterable[float]) -> Axis:
    """A logarithmic axis from the power of ten below all values to the one above."""
    values = list(values)
    low = math.floor(math.log10(min(values)))
    high = max(low + 1, math.ceil(math.log10(max(values))))
    return Axis(tuple(10**power for power in range(low, high + 1)), logarithmic=True)


def from_zero(values: Iterable[float]) -> Axis:
    """A linear axis from 0 to beyond all values, in two to five steps of 1, 2 or 5."""
    highest = max(values) or 1.0
    power = 10 ** math.floor(math.log10(highest / 2))
    step = next(step * power for step in (1, 2, 5, 10) if highest / (step * power) <= 5)
    num_steps = math.ceil(highest / step)
    return Axis(tuple(round(i * step, 6) for i in range(num_steps + 1)), logarithmic=False)


def panel(
    lines: Lines, x: Axis, y: Axis, title: str, left: float, colors: Sequence[str] = COLORS
) -> str:
    """One panel; each line has the colour of its place in ``lines``."""

    def right(value: float) -> float:
        return left + LEFT + x.place(value) * (WIDTH - LEFT - 10)

    def down(value: float) -> float:
        return HEIGHT - BOTTOM - y.place(value) * (HEIGHT - BOTTOM - TOP)

    drawn = [f'<text x="{left + LEFT}" y="18" font-weight="bold">{title}</text>']
    for tick in x.ticks:
        place = right(tick)
        drawn.append(f'<text x="{place:.0f}" y="{HEIGHT - 20}" text-anchor="middle">{tick:,}')
        drawn.append("</text>")
    for tick in y.ticks:
        place = down(tick)
        drawn.append(
            f'<line x1="{left + LEFT}" x2="{left + WIDTH - 10}" y1="{place:.0f}" y2="{place:.0f}" '
            f'stroke="#ddd"/><text x="{left + LEFT - 6}" y="{place + 4:.0f}" text-anchor="end">'
            f"{float(tick):g}</text>"
        )
    for points, color in zip(lines.values(), colors, strict=False):
        path = " ".join(f"{right(a):.1f},{down(b):.1f}" for a, b in points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
    return "".join(drawn)


def svg(panels: Sequence[str], names: Sequence[str]) -> str:
    """Panels side by side, with a legend of the lines below."""
    legend = "".join(
        f'<text x="{LEFT + index % 3 * 250}" y="{HEIGHT + 20 + index // 3 * 18}" fill="{color}">'
        f"● {name}</text>"
        for index, (name, color) in enumerate(zip(names, COLORS, strict=False))
    )
    size = f'width="{2 * WIDTH + GAP}" height="{HEIGHT + 68}"'
    style = 'font-family="sans-serif" font-size="12"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(panels)}{legend}</svg>\n'
    )
