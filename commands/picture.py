"""Draw README's chart of zero-shot and tuned WER.

``python -m commands.picture --metrics metrics --out docs/scores.svg``
"""

from pathlib import Path
from typing import Any

from asr.core.cli import run
from asr.core.files import atomic_file, read_json

WIDTH, LEFT, RIGHT = 720, 110, 60  # pixels
BAR, GAP, TOP = 18, 22, 44
COLOURS = {"base": "#9aa5b1", "tuned": "#2563eb"}
NAMES = {"base": "zero-shot", "tuned": "tuned"}


def picture(metrics: Path, out: Path) -> None:
    """Draw the WER of both models with its interval, overall and by corpus.

    Args:
        metrics: folder with ``compare.json``.
        out: an SVG.
    """
    with atomic_file(out) as partial:
        partial.write_text(scores_svg(read_json(metrics / "compare.json")), encoding="utf-8")


def scores_svg(comparison: dict[str, Any]) -> str:
    """Two bars a group, each with a whisker for its interval."""
    shown = [name for name in comparison["groups"] if name.startswith("corpus ")]
    groups = {name: comparison["groups"][name]["wer"] for name in ["overall", *sorted(shown)]}
    ends = (_ends(wer, model)["high"] for wer in groups.values() for model in NAMES)
    scale = (WIDTH - LEFT - RIGHT) / (max(ends) or 1)
    height = TOP + len(groups) * (2 * BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(LEFT, 20, f"Word error rate, {comparison['confidence']:.0%} intervals", "start"),
    ]
    for row, (name, wer) in enumerate(groups.items()):
        top = TOP + row * (2 * BAR + GAP)
        parts.append(_text(LEFT - 12, top + BAR + 5, name.removeprefix("corpus "), "end"))
        for place, model in enumerate(NAMES):
            interval = _ends(wer, model)
            parts += _bar(top + place * BAR, model, wer[model] or 0.0, interval, scale)
    return "\n".join([*parts, "</svg>", ""])


def _ends(wer: dict[str, Any], model: str) -> dict[str, float]:
    """The interval of a model's rate; without one, the rate itself: a whisker of no length."""
    rate = wer[model] or 0.0
    ends: dict[str, float] = wer[f"{model}_interval"] or {"low": rate, "high": rate}
    return ends


def _bar(top: int, model: str, value: float, interval: dict[str, float], scale: float) -> list[str]:
    width, middle = value * scale, top + BAR / 2
    low, high = (LEFT + interval[end] * scale for end in ("low", "high"))
    return [
        f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR - 3}" '
        f'fill="{COLOURS[model]}"/>',
        f'<path d="M{low:.1f} {middle - 1.5}H{high:.1f}" stroke="#111827" stroke-width="1.5"/>',
        f'<text x="{LEFT + 6}" y="{middle + 3:.1f}" fill="#ffffff">'
        f"{NAMES[model]} {value:.3f}</text>",
    ]


def _text(x: int, y: int, words: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" fill="#111827" text-anchor="{anchor}">{words}</text>'


if __name__ == "__main__":
    run(picture)
