"""Read the training curves from the CSV files of stage ``train`` and lay out their charts."""

import csv
from itertools import pairwise
from pathlib import Path

from asr.core.errors import InputError
from asr.report.chart import Panel, panel

Curve = list[dict[str, float]]

TRAIN_CHARTS = {"Training loss": "loss", "Learning rate": "lr", "Gradient norm": "grad_norm"}
OF_GROUP = "lr_"  # columns of the rates of groups of weights; 0 where a group does not learn


def training_panels(folder: Path) -> list[Panel]:
    """Lay out one chart for each quantity that has a point, with a line where a phase starts.

    Raises:
        InputError: if a column is missing or a value is no number; names file and line.
    """
    path = folder / "train.csv"
    by_group = tuple(name for name in _columns(path) if name.startswith((OF_GROUP, "phase")))
    train = read_curve(path, ("step", *TRAIN_CHARTS.values(), *by_group))
    dev = read_curve(folder / "dev.csv", ("step", "wer", "cer", "best"))
    best = [(row["step"], row["wer"]) for row in dev if row["best"]]
    curves = {title: {column: column} for title, column in TRAIN_CHARTS.items()}
    if rates := {name: name.removeprefix(OF_GROUP) for name in by_group if name != "phase"}:
        curves["Learning rate"] = rates
    starts = phase_starts(train)
    panels = [
        panel(
            title,
            {name: [(row["step"], row[column]) for row in train] for column, name in lines.items()},
            None,
            starts,
        )
        for title, lines in curves.items()
    ]
    errors = {name.upper(): [(row["step"], row[name]) for row in dev] for name in ("wer", "cer")}
    # Each row marked was the best so far, so the last of them is the best of all.
    panels.insert(1, panel("Errors on dev", errors, best[-1] if best else None, starts))
    return [one for one in panels if one]


def phase_starts(train: Curve) -> list[tuple[float, str]]:
    """The step after which each further phase starts, and the groups that learn from then on."""
    return [
        (before["step"], ", ".join(_learning(row)))
        for before, row in pairwise(train)
        if row.get("phase") != before.get("phase")
    ]


def _learning(row: dict[str, float]) -> list[str]:
    """The groups with a rate above 0; ``encoder`` where all of its parts have one."""
    groups = {
        key.removeprefix(OF_GROUP): rate for key, rate in row.items() if key.startswith(OF_GROUP)
    }
    names = []
    for group, rate in groups.items():
        whole = group.partition(".")[0]
        if all(groups[name] for name in groups if name.partition(".")[0] == whole):
            names.append(whole)
        elif rate:
            names.append(group)
    return list(dict.fromkeys(names))


def _columns(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


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
