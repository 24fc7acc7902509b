"""The tables that a harvest writes: the inventory of recordings and the log of URLs."""

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
        license_stated: source and words of the license: ``site: …``, ``page: …`` or ``block``.
        source_url: the recording's page, or its file if it has no page.
        source_id: the recording's id on the site.
        title: on the site.
        uploader: on the site, empty if unknown.
        published: date as YYYYMMDD, empty if unknown.
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
class LogLine:
    """A line of ``harvest.csv``. ``result`` is new, there, refused or failed; ``why`` says more."""

    url: str
    result: str
    why: str
    title: str
    at: str


Table = TypeVar("Table", HarvestRow, LogLine)


def read_table(path: Path, kind: type[Table]) -> list[Table]:
    """Read the lines of a table; an empty list if the file does not exist."""
    if not path.is_file():
        return []
    return [kind(**row) for row in read_csv(path, _columns(kind))]


def write_table(path: Path, rows: list[Any]) -> None:
    """Write a table; ``rows`` must not be empty, since its first item determines the columns."""
    write_csv(path, _columns(rows[0]), map(astuple, rows))


def _columns(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]
