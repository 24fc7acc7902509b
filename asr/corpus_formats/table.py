"""A folder of recordings and a table of any name: CSV, TSV, JSON Lines or a JSON list.

``clip;what was said;reader`` is a header like any other: ``columns: {audio: clip, text: what was
said, speaker_id: reader}`` of the corpus in params.yaml says which column is which. The usual
names, such as ``path`` and ``sentence``, need no setting. Paths are relative to the table. All
remaining columns become attributes. A table without the needed columns stops the run, so move
tables of other things out of the folder.
"""

from collections.abc import Iterator

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder
from asr.corpora.paths import is_audio, is_visible
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import TABLE_ENDINGS, read_rows


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a table."""
    return is_audio(name) or _is_table(name)


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings row by row, tables sorted by name."""
    builder = RecordingBuilder(files, columns)
    tables = [name for name in files if _is_table(name)]
    if not tables:
        raise InputError(
            f"expected a table whose name ends in {', '.join(TABLE_ENDINGS)}, got none"
        )
    rows = (row for table in tables for row in read_rows(files, table))
    yield from builder.build_each(rows, builder.build)


def _is_table(name: str) -> bool:
    return is_visible(name) and name.lower().endswith(TABLE_ENDINGS)
