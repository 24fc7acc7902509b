"""CSV tables: UTF-8, a header, lines that end in a line feed, written atomically.

A spreadsheet runs a cell such as «=1+2» or «-word» as a formula (OWASP, "CSV Injection"). So a
text cell that begins like one gets an apostrophe before it, which ``read_csv`` removes. A number
gets none.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from asr.core.errors import InputError
from asr.core.files import atomic_file

# Apostrophes before it are doubled too, so that reading is the inverse of writing.
_FORMULA = re.compile("'*[=+@\t\r-]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.ASCII)


def write_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, formulas: bool = False
) -> None:
    """Write a table; None is an empty field, and a table without rows keeps its header.

    Args:
        path: of the file.
        columns: of the header.
        rows: each with as many values.
        formulas: whether to write cells that begin like a formula as they are, for a table that
            other programs than spreadsheets and ``read_csv`` read.
    """
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(_LineFeeds(file))
        writer.writerow(columns)
        writer.writerows(rows if formulas else (map(_as_text, row) for row in rows))


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield each row of a table by column, all values as text.

    Raises:
        InputError: if the file has other columns, with both lists.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != list(columns):
            raise InputError(f"{path}: expected columns {list(columns)}, got {rows.fieldnames}")
        yield from ({column: _unescaped(cell) for column, cell in row.items()} for row in rows)


class _LineFeeds:
    """Ends lines in a line feed: `git diff` and `cut` show the csv module's CR LF.

    With ``lineterminator="\\n"``, Python before 3.13 would not quote a cell with a carriage return.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def _as_text(cell: Any) -> Any:
    is_formula = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def _unescaped(cell: str) -> str:
    return cell[1:] if cell and cell[0] == "'" and _FORMULA.match(cell) else cell
