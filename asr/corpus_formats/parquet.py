"""Hugging Face Parquet: audio as bytes inside the tables, read a row group at a time.

A column ``audio`` of ``{bytes, path}``, as the data sets library writes it, or of plain bytes;
beside it the transcript and whatever else there is. ``data/train-00000-of-00004.parquet`` gives its
rows to the split it is called by. A row without a column ``id`` is called by its file and number.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

from asr.core.errors import InputError
from asr.corpora.columns import Columns, Recordings
from asr.corpora.paths import is_visible, stem
from asr.corpora.raw_folder import RawFiles
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row, check_text

ROWS_AT_ONCE = 64  # clips of 30 s in 44.1 kHz stereo are 340 MB so many, of 5 s in FLAC 20 MB


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a Parquet file."""
    return name.endswith(".parquet") and is_visible(name)


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """File by file in the order of names, each in its own order."""
    recordings = Recordings({}, columns)
    for name in files:
        with _open(files, name) as file:
            for row in _read_rows(file, name):
                yield _described(row, recordings)


def _open(files: Files, name: str) -> BinaryIO:
    return files.open(name) if isinstance(files, RawFiles) else BytesIO(files[name])


def _read_rows(file: BinaryIO, name: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(file) as table:
            for group in range(table.num_row_groups):
                for batch in table.iter_batches(ROWS_AT_ONCE, row_groups=[group]):
                    for values in batch.to_pylist():
                        number += 1
                        yield Row(name, f"{name}: row {number}", values)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise InputError(f"{name}: expected a whole Parquet file, got {error!s:.160}") from error


def _described(row: Row, recordings: Recordings) -> Recording:
    names = recordings.names(row, ["audio", "text"])
    for key, value in row.values.items():
        for text in (key, value):
            if isinstance(text, str):
                check_text(text, f"{row.place}: {key!r:.80}")
    audio, path = _audio(row.values[names["audio"]], f"{row.place}: {names['audio']}")
    number = int(row.place.rpartition(" ")[2])
    fault = None if audio else f"{row.place}: {names['audio']}: expected bytes, got none"
    # The names inside Parquet files often repeat; a file and a row number never do.
    own = {} if "id" in names else {"name": f"{stem(row.file)}/{number:06}"}
    values = {key: value for key, value in row.values.items() if not isinstance(value, bytes)}
    return recordings.described(
        Row(row.file, row.place, values | {names["audio"]: path}),
        file=f"{row.file}#{number}",
        audio=audio,
        fault=fault,
        **own,
    )


def _audio(value: Any, place: str) -> tuple[bytes, str]:
    """The encoded bytes, empty where there are none, and the name they had."""
    if isinstance(value, dict):
        content, path = value.get("bytes"), value.get("path")
    else:
        content, path = value, None
    if not isinstance(content, bytes | None):
        raise InputError(f"{place}: expected bytes, got {content!r:.80}")
    return content or b"", path if isinstance(path, str) else ""
