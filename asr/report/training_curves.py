"""Read the training curves from the CSV files of stage ``train`` and lay out their charts."""

import csv
from pathlib import Path

from asr.core.errors import InputError
from asr.report.chart import Panel, panel

Curve = list[dict[str, float]]

TRAIN_CHARTS = {"Training loss": "loss", "Learning rate": "lr", "Gradient norm": "grad_norm"}


def training_panels(folder: Path) -> list[Panel]:
    """Lay out one chart for each quantity that has a point.

    Raises:
        InputError: if a column is missing or a value is no number; names file and line.
    """
    train = read_curve(folder / "train.csv", ("step", *TRAIN_CHARTS.values()))
    dev = read_curve(folder / "dev.csv", ("step", "wer", "cer", "best"))
    best = [(row["step"], row["wer"]) for row in dev if row["best"]]
    panels = [
        panel(title, {column: [(row["step"], row[column]) for row in train]}, None)
        for title, column in TRAIN_CHARTS.items()
    ]
    errors = {name.upper(): [(row["step"], row[name]) for row in dev] for name in ("wer", "cer")}
    # Each row marked was the best so far, so the last of them is the best of all.
    panels.insert(1, panel("Errors on dev", errors, best[-1] if best else None))
    return [one for one in panels if one]


def read_curve(path: Path, columns: tuple[str, ...]) -> Curve:
    """Read the rows of a curve.

    Args:
        path: of the CSV file.
        columns: to read; the file may have others.

    Raises:
        InputError: see ``training_panels``.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise InputError(f"{path}: expected columns {list(columns)}, missing {missing}")
        try:
            return [{name: float(row[name]) for name in columns} for row in reader]
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}:{reader.line_num}: expected numbers, got {error}") from error
