"""FLEURS: ``train.tsv``, ``dev.tsv`` and ``test.tsv`` list the recordings in ``audio/<split>/``.

The tables have no header; ``COLUMNS`` names their columns. Up to three speakers read a sentence, so
its id names no recording. ``raw_transcription`` is the text, with punctuation and capital letters;
``columns: {text: transcription}`` chooses the text without them. Speakers are not named.
"""

from collections.abc import Iterator

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder
from asr.corpora.paths import is_audio, is_visible, safe_path, stem
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row, read_tsv
from asr.corpora.values import path_value

TABLES = ("train.tsv", "dev.tsv", "test.tsv")
# As in the data set's own loader, fleurs.py.
COLUMNS = (
    "sentence_id", "file_name", "raw_transcription", "transcription", "characters", "num_samples",
    "gender",
)  # fmt: skip


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or one of ``TABLES``."""
    return is_audio(name) or (is_visible(name) and name.rpartition("/")[2] in TABLES)


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings line by line, tables sorted by name."""
    builder = RecordingBuilder(files, {"text": "raw_transcription"} | dict(columns))
    tables = [name for name in files if name.rpartition("/")[2] in TABLES]
    if not tables:
        raise InputError(f"expected one of {TABLES}, got no such file")
    rows = (row for table in tables for row in read_tsv(files[table], table, COLUMNS))
    yield from builder.build_each(rows, lambda row: _described(row, builder))


def _described(row: Row, builder: RecordingBuilder) -> Recording:
    path = safe_path(path_value(row, "file_name"), f"{row.place}: file_name")
    split = stem(row.file.rpartition("/")[2])
    values = row.values | {"file_name": f"audio/{split}/{path}"}
    values.pop("characters")  # the transcription again, letter by letter
    return builder.build(Row(row.file, row.place, values))
