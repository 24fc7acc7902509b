"""Training curves as CSV, for `dvc plots` and the report. No wall time: same run, same bytes."""

import csv
from pathlib import Path
from typing import Any

from asr.files import whole_file

Row = dict[str, Any]


def write_curve(path: Path, columns: tuple[str, ...], rows: list[Row]) -> None:
    """Write rows under ``columns``; a curve without points keeps its header."""
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
