"""Seconds and memory over the number of utterances, both axes logarithmic, as an SVG."""

import math
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 380, 260, 50, 30, 40, 30
COLORS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#9c6b4e", "#a463f2", "#97bbf5")
STEPS = (
    "fetch", "prepare", "prepare, 10 more", "split", "dvc status", "one training step",
    "audit", "audit, 10 more",
)  # fmt: skip


def plot(results: dict[str, Any]) -> str:
    """An SVG of ``benchmarks/results/scale.json``: seconds and peak memory over corpus size."""
    panels = [
        _panel(results, "seconds", "seconds", 0),
        _panel(results, "peak_mb", "peak memory, MB", WIDTH + GAP),
    ]
    legend = "".join(
        f'<text x="{LEFT + index % 3 * 250}" y="{HEIGHT + 20 + index // 3 * 18}" fill="{color}">'
        f"● {step}</text>"
        for index, (step, color) in enumerate(zip(STEPS, COLORS, strict=False))
    )
    size = f'width="{2 * WIDTH + GAP}" height="{HEIGHT + 68}"'
    style = 'font-family="sans-serif" font-size="12"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(panels)}{legend}</svg>\n'
    )


def _panel(results: dict[str, Any], key: str, title: str, left: float) -> str:
    sizes = sorted(map(int, results))
    values = [
        results[str(n)]["steps"][step][key] for n in sizes for step in STEPS
        if key in results[str(n)]["steps"].get(step, {})
    ]  # fmt: skip
    low_x, high_x = _decades(sizes)
    low_y, high_y = _decades(values)

    def x(value: float) -> float:
        return left + LEFT + (math.log10(value) - low_x) / (high_x - low_x) * (WIDTH - LEFT - 10)

    def y(value: float) -> float:
        share = (math.log10(value) - low_y) / (high_y - low_y)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    drawn = [f'<text x="{left + LEFT}" y="18" font-weight="bold">{title}</text>']
    for power in range(low_x, high_x + 1):
        place = x(10**power)
        drawn.append(f'<text x="{place:.0f}" y="{HEIGHT - 20}" text-anchor="middle">{10**power:,}')
        drawn.append("</text>")
    for power in range(low_y, high_y + 1):
        place = y(10.0**power)
        drawn.append(
            f'<line x1="{left + LEFT}" x2="{left + WIDTH - 10}" y1="{place:.0f}" y2="{place:.0f}" '
            f'stroke="#ddd"/><text x="{left + LEFT - 6}" y="{place + 4:.0f}" text-anchor="end">'
            f"{10.0**power:g}</text>"
        )
    for step, color in zip(STEPS, COLORS, strict=False):
        steps = {n: results[str(n)]["steps"].get(step, {}) for n in sizes}
        points = [f"{x(n):.1f},{y(found[key]):.1f}" for n, found in steps.items() if key in found]
        drawn.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="2"/>'
        )
    return "".join(drawn)


def _decades(values: list[Any]) -> tuple[int, int]:
    """Exponents of the powers of ten below and above all values, at least one apart."""
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))
