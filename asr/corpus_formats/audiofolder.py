"""A Hugging Face audiofolder: ``metadata.csv`` or ``metadata.jsonl`` beside the recordings.

``train/metadata.csv`` has the columns ``file_name``, ``transcription`` and any others. A
``file_name`` is relative to the table's folder, so one table at the top may list all folders. A
folder named like a split assigns its recordings to that split. A recording that no table lists
has no transcript.
"""

from collections.abc import Iterator

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder, subset_attributes
from asr.corpora.paths import is_audio, is_visible, split_of_path, stem
from asr.corpora.raw_folder import stored
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import read_rows

TABLES = ("metadata.csv", "metadata.tsv", "metadata.jsonl")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a table."""
    return is_audio(name) or (is_visible(name) and name.rpartition("/")[2] in TABLES)


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings of each table, sorted by table name, then those that no table lists."""
    builder = RecordingBuilder(files, columns)
    tables = [name for name in files if name.rpartition("/")[2] in TABLES]
    if not tables:
        raise InputError(
            f"expected one of {', '.join(TABLES)} in an audiofolder, got no such file; "
            "format table reads a table of any name"
        )
    mentioned: set[str] = set()
    rows = (row for table in tables for row in read_rows(files, table))
    for recording in builder.build_each(rows, builder.build):
        mentioned.add(recording.file)
        yield recording
    for file in builder.audio.names():
        if file not in mentioned:
            builder.reserve_name(stem(file), file)
            attributes = subset_attributes(split_of_path(file))
            yield Recording(stem(file), None, stored(files, file), file, attributes=attributes)
