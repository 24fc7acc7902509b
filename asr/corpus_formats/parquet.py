"""Hugging Face Parquet: audio as bytes inside the tables, read a row group at a time.

The column ``audio`` holds ``{bytes, path}``, as the library ``datasets`` writes it, or bytes. Other
columns hold the transcript and metadata. The file name sets the split, such as train for
``data/train-00000-of-00004.parquet``. Without a column ``id``, file and row number name a row.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder
from asr.corpora.paths import is_visible, stem
from asr.corpora.recording import Files, Recording, StoredFiles
from asr.corpora.tables import Row, check_text

ROWS_AT_ONCE = 64  # 340 MB if they are 30 s of 44.1 kHz stereo WAV, 20 MB if 5 s of FLAC


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a Parquet file."""
    return name.endswith(".parquet") and is_visible(name)


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings row by row, files sorted by name."""
    builder = RecordingBuilder({}, columns)
    for name in files:
        read = partial(_read_file, files, name, builder)
        for one in files.recordings(name, read) if isinstance(files, StoredFiles) else read():
            # The builder has the name already, unless an earlier run has read the file.
            with suppress(InputError):
                builder.reserve_name(one.name, _place(one, name))
            yield one


def _read_file(files: Files, name: str, builder: RecordingBuilder) -> Iterator[Recording]:
    with files.open(name) if isinstance(files, StoredFiles) else BytesIO(files[name]) as file:
        yield from builder.build_each(_read_rows(file, name), lambda row: _described(row, builder))


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


def _described(row: Row, builder: RecordingBuilder) -> Recording:
    names = builder.column_names(row, ["audio", "text"])
    for key, value in row.values.items():
        for text in (key, value):
            if isinstance(text, str):
                check_text(text, f"{row.place}: {key!r:.80}")
    audio, path = _audio(row.values[names["audio"]], f"{row.place}: {names['audio']}")
    number = int(row.place.rpartition(" ")[2])
    fault = None if audio else f"{row.place}: {names['audio']}: expected bytes, got none"
    # File names in the audio column often repeat; file and row number are unique.
    own = {} if "id" in names else {"name": f"{stem(row.file)}/{number:06}"}
    values = {key: value for key, value in row.values.items() if not isinstance(value, bytes)}
    return builder.build(
        Row(row.file, row.place, values | {names["audio"]: path}),
        file=f"{row.file}#{number}",
        audio=audio,
        fault=fault,
        **own,
    )


def _place(one: Recording, file: str) -> str:
    """The row of a recording; of one that can't be read it is the name, perhaps with «~»."""
    if one.file == file:
        return one.name.rstrip("~")
    return f"{file}: row {one.file.rpartition('#')[2]}"


def _audio(value: Any, place: str) -> tuple[bytes, str]:
    """Return the encoded bytes and the original file name; both may be empty."""
    if isinstance(value, dict):
        content, path = value.get("bytes"), value.get("path")
    else:
        content, path = value, None
    if not isinstance(content, bytes | None):
        raise InputError(f"{place}: expected bytes, got {content!r:.80}")
    return content or b"", path if isinstance(path, str) else ""
