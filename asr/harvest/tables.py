"""The tables that a harvest writes: what it has, and what came of each address."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from asr.core.errors import InputError
from asr.core.files import whole_file


@dataclass(frozen=True)
class Row:
    """A line of ``metadata.csv``.

    Attributes:
        filename: of the recording.
        language: ISO 639 code.
        license: SPDX identifier.
        license_stated: how, and by whom: the site of this recording, its page, or the block.
        source_url: the page, or the file if it has none.
        source_id: what the site calls the recording.
        title: as the site has it.
        uploader: as the site has it, empty if it doesn't say.
        published: day, empty if the site doesn't say.
        sha256: of the file, in hexadecimal.
    """

    filename: str
    language: str
    license: str
    license_stated: str
    source_url: str
    source_id: str
    title: str
    uploader: str
    published: str
    sha256: str


@dataclass(frozen=True)
class Look:
    """A line of ``harvest.csv``: ``result`` is new, there, refused or failed, and why."""

    url: str
    result: str
    why: str
    title: str
    at: str


Table = TypeVar("Table", Row, Look)


def read_table(path: Path, kind: type[Table]) -> list[Table]:
    """The lines of a table; none if it is not there."""
    if not path.is_file():
        return []
    expected = [field.name for field in fields(kind)]
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != expected:
            raise InputError(f"{path}: expected columns {expected}, got {rows.fieldnames}")
        return [kind(**row) for row in rows]


def write_table(path: Path, rows: list[Any]) -> None:
    """Write a table of one line or more."""
    with whole_file(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, [field.name for field in fields(rows[0])], lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
