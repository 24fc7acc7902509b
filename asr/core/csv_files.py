"""CSV tables: UTF-8, a header, lines that end in a line feed, written atomically."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import atomic_file


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; None is an empty field, and a table without rows keeps its header."""
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        # The csv module ends lines in CR LF, which `git diff` and `cut` show.
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield each row of a table by column, all values as text.

    Raises:
        InputError: if the file has other columns, with both lists.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != list(columns):
            raise InputError(f"{path}: expected columns {list(columns)}, got {rows.fieldnames}")
        yield from rows
