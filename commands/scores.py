"""Print the score table and the report's path: ``python -m commands.scores [--markdown]``."""

import argparse
import sys
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import read_json

METRICS = Path("metrics")
NUM_EXAMPLES = 5  # of what a language model changed; the report has more
HEADER = ("test set", "WER zero-shot", "WER tuned", "difference", "verdict", "CER", "clips")


def score_rows(metrics: Path) -> list[tuple[str, ...]]:
    """One row for all utterances and one a corpus; the report also has the groups by language."""
    comparison = read_json(metrics / "compare.json")
    rows = []
    for name, group in comparison["groups"].items():
        if name == "overall" or name.startswith("corpus "):
            wer, cer = group["wer"], group["cer"]
            rows.append(
                (
                    name,
                    _with_interval(wer["base"], wer["base_interval"]),
                    _with_interval(wer["tuned"], wer["tuned_interval"]),
                    _with_interval(wer["difference"], wer["difference_interval"]),
                    wer["verdict"],
                    f"{_rate(cer['base'])} → {_rate(cer['tuned'])}",
                    str(group["num_utterances"]),
                )
            )
    return sorted(rows, key=lambda row: (row[0] != "overall", row[0]))


def lm_lines(metrics: Path) -> list[str]:
    """What the language model changed in the tuned model's hypotheses; none if it was off."""
    path = metrics / "score" / "tuned.json"
    found = read_json(path).get("language_model") if path.is_file() else None
    if not found:
        return []
    lines = [
        f"Language model, {language}: WER {_rate(one['wer_without'])} without, "
        f"{_rate(one['wer_with'])} with; {one['words_gained']} words gained, "
        f"{one['words_lost']} lost in {one['num_changed']} utterances"
        for language, one in found["languages"].items()
    ]
    shown = found["examples"][:NUM_EXAMPLES]
    return lines + [f"  {one['without']} → {one['with']} ({one['reference']})" for one in shown]


def speed_line(metrics: Path) -> str:
    """A sentence with the decoding speed of each model (RTFx)."""
    speeds = {name: read_json(metrics / "speed" / f"{name}.json") for name in ("base", "tuned")}
    parts = [f"{name} {speed['rtfx']:.0f} × real time" for name, speed in speeds.items()]
    return f"Decoding on {speeds['tuned']['device']}: {', '.join(parts)}."


def markdown_table(metrics: Path) -> str:
    """The score table in Markdown, for README."""
    rows = [HEADER, tuple("---" for _ in HEADER), *score_rows(metrics)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def text_table(metrics: Path) -> str:
    """The score table for a terminal, with aligned columns."""
    rows = [HEADER, *score_rows(metrics)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.3f}"


def _with_interval(rate: float | None, interval: dict[str, Any] | None) -> str:
    if interval is None:
        return _rate(rate)
    return f"{_rate(rate)} [{_rate(interval['low'])}, {_rate(interval['high'])}]"


def main() -> None:
    """Print what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print only README's table")
    try:
        if parser.parse_args().markdown:
            print(markdown_table(METRICS))
        else:
            print(f"\n{text_table(METRICS)}\n\n{speed_line(METRICS)}")
            print("".join(f"{line}\n" for line in lm_lines(METRICS)), end="")
            print(f"Report: {(METRICS / 'report.html').resolve()}")
    except (InputError, OSError) as error:
        sys.exit(f"scores: {error}")


if __name__ == "__main__":
    main()
