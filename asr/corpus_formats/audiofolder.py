"""A Hugging Face audiofolder: ``metadata.csv`` or ``metadata.jsonl`` beside the recordings.

``train/metadata.csv`` holds ``file_name,transcription`` and whatever else there is to say;
``file_name`` is relative to the table's folder. One table at the top may serve all folders. A
folder called like a split gives its recordings to that split. Recordings that no table mentions
have no transcript.
"""

from collections.abc import Iterator

from asr.core.errors import InputError
from asr.corpora.columns import Columns, Recordings, subset_attributes
from asr.corpora.paths import is_audio, is_visible, split_of_path, stem
from asr.corpora.raw_folder import stored
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import read_rows

TABLES = ("metadata.csv", "metadata.tsv", "metadata.jsonl")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a table."""
    return is_audio(name) or (is_visible(name) and name.rpartition("/")[2] in TABLES)


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Table by table in the order of names, then the recordings that no table mentions."""
    recordings = Recordings(files, columns)
    tables = [name for name in files if not is_audio(name)]
    if not tables:
        raise InputError(f"expected one of {TABLES} in an audiofolder, got no such file")
    mentioned: set[str] = set()
    for table in tables:
        for row in read_rows(files, table):
            recording = recordings.described(row)
            mentioned.add(recording.file)
            yield recording
    for file in recordings.audio.names():
        if file not in mentioned:
            recordings.claim(stem(file), file)
            attributes = subset_attributes(split_of_path(file))
            yield Recording(stem(file), None, stored(files, file), file, attributes=attributes)
