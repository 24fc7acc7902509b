"""The tables that a harvest writes: what it has, and what came of each address."""

from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from asr.core.csv_files import read_csv, write_csv


@dataclass(frozen=True)
class HarvestRow:
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


Table = TypeVar("Table", HarvestRow, Look)


def read_table(path: Path, kind: type[Table]) -> list[Table]:
    """The lines of a table; none if it is not there."""
    if not path.is_file():
        return []
    return [kind(**row) for row in read_csv(path, _columns(kind))]


def write_table(path: Path, rows: list[Any]) -> None:
    """Write a table of one line or more."""
    write_csv(path, _columns(rows[0]), map(astuple, rows))


def _columns(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]
