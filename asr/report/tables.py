"""Tables of the report: content alone. A template writes them as HTML, markdown.py as Markdown."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column's heading.

    Attributes:
        title: the heading.
        meaning: a longer explanation of it.
        kind: of its cells: ``number``; ``word``, aligned to the left; ``text``, which may be long.
    """

    title: str
    meaning: str = ""
    kind: str = "number"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: its content; names in it are untrusted.
        note: shown smaller after it, such as an interval.
        model: ``base``, ``tuned`` or ``champion``: shows the model's mark before it.
        status: a verdict in words, after the note.
        tone: of the status, ``better``, ``worse`` or ``unsure``: its colour and sign.
        bar: length of a bar below the text, from 0 to 1; None for no bar.
    """

    text: str
    note: str = ""
    model: str = ""
    status: str = ""
    tone: str = ""
    bar: float | None = None


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is the row's heading."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.caption}: expected {len(self.columns)} cells, got {row}")


def table(caption: str, columns: Iterable[Column], rows: Iterable[Iterable[Cell]]) -> Table:
    """Build a table from any iterables."""
    return Table(caption, tuple(columns), tuple(tuple(row) for row in rows))
