"""Common Voice: ``train.tsv``, ``dev.tsv`` and ``test.tsv`` over the recordings in ``clips/``.

Columns are ``client_id path sentence up_votes down_votes age gender … locale``. Those three are
the given splits; ``validated.tsv`` holds the same recordings and more, which get no split. What
volunteers refused (``invalidated.tsv``) or have not heard (``other.tsv``) is not read.
"""

from collections.abc import Iterator

from asr.core.errors import InputError
from asr.corpora.columns import Columns, Recordings, no_columns
from asr.corpora.paths import is_audio, safe_path
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row, read_rows

TABLES = ("train.tsv", "dev.tsv", "test.tsv", "validated.tsv")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or one of the tables that are read."""
    return is_audio(name) or name.rpartition("/")[2] in TABLES


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Split by split, then what is validated and in no split."""
    no_columns(columns, "common_voice")
    tables = [name for name in files if not is_audio(name)]
    tables.sort(key=lambda name: (TABLES.index(name.rpartition("/")[2]), name))
    if not tables:
        raise InputError(f"expected one of {TABLES}, got no such file")
    recordings = Recordings(files, {})
    read_before: set[str] = set()
    for table in tables:
        for row in read_rows(files, table):
            path = str(row.values.get("path", ""))
            if table.endswith("validated.tsv") and path in read_before:
                continue
            read_before.add(path)
            values = row.values | {"validated": "true"}
            if path:  # relative to clips/, which the table leaves out
                values["path"] = f"clips/{safe_path(path, f'{row.place}: path')}"
            yield recordings.described(Row(row.file, row.place, values))
