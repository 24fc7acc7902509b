"""Common Voice: ``train.tsv``, ``dev.tsv`` and ``test.tsv`` list the recordings in ``clips/``.

Columns are ``client_id path sentence up_votes down_votes age gender … locale``. The three tables
set the split. ``validated.tsv`` lists the same recordings and more; the additional ones have no
split. Rejected (``invalidated.tsv``) and unchecked clips (``other.tsv``) are ignored.
"""

from collections.abc import Iterator

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder, refuse_columns
from asr.corpora.paths import is_audio, safe_path
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row, read_rows
from asr.corpora.values import id_value, known_language, path_value

TABLES = ("train.tsv", "dev.tsv", "test.tsv", "validated.tsv")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or one of ``TABLES``."""
    return is_audio(name) or name.rpartition("/")[2] in TABLES


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings split by split, then the validated ones that are in no split."""
    refuse_columns(columns, "common_voice")
    tables = [name for name in files if name.rpartition("/")[2] in TABLES]
    tables.sort(key=lambda name: (TABLES.index(name.rpartition("/")[2]), name))
    if not tables:
        raise InputError(f"expected one of {TABLES}, got no such file")
    builder = RecordingBuilder(files, {})
    read_before: set[str] = set()

    def rows() -> Iterator[Row]:
        for table in tables:
            for row in read_rows(files, table):
                path = str(row.values.get("path", ""))
                if row.fault or not (table.endswith("validated.tsv") and path in read_before):
                    read_before.add(path)
                    yield row

    yield from builder.build_each(rows(), lambda row: _described(row, builder))


def _described(row: Row, builder: RecordingBuilder) -> Recording:
    names = builder.column_names(row, ["audio", "text"])
    path = safe_path(path_value(row, names["audio"]), f"{row.place}: path")
    language = known_language(id_value(row, names.get("language")))
    values = {k: v for k, v in row.values.items() if k != names.get("language")}
    more = {"validated": "true", names["audio"]: f"clips/{path}"}  # tables omit the folder clips/
    return builder.build(Row(row.file, row.place, values | more | language))
