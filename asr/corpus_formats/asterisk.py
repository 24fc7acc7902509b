"""Asterisk's voice prompts: ``core-sounds-en.txt``, plain or as ``.gz``, and a folder of a voice.

The line ``digits/h-1: first`` is the transcript of ``digits/h-1.wav`` in the folder of the voice,
such as ``en_US_f_Allison``, which is the speaker. ``[tones]`` in brackets is no transcript, and a
line that begins with a semicolon is a comment.
"""

import re
from collections.abc import Iterator
from typing import Any

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder, refuse_columns
from asr.corpora.paths import decode_text, is_audio, is_audio_file, is_visible, stem
from asr.corpora.raw_folder import stored
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row, gunzip

_TABLE = re.compile(r"(.*/)?[a-z]+-sounds-[\w-]+\.txt(\.gz)?")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a table of transcripts."""
    return is_audio(name) or (is_visible(name) and bool(_TABLE.fullmatch(name)))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings line by line, tables sorted by name."""
    refuse_columns(columns, "asterisk")
    tables = [name for name in files if is_visible(name) and _TABLE.fullmatch(name)]
    if not tables:
        raise InputError("expected transcripts such as core-sounds-en.txt, got no such file")
    audio = _by_ending(name for name in files if is_audio_file(files, name))
    builder = RecordingBuilder(files, {})
    for table in tables:
        content = gunzip(files[table], table) if table.endswith(".gz") else files[table]
        for number, line in enumerate(content.split(b"\n"), start=1):
            stripped = line.strip(b" \t\r\xef\xbb\xbf")
            if stripped and not stripped.startswith(b";"):
                row = Row(table, f"{table}:{number}", {})
                try:
                    known = _line(decode_text(line, table, number), row.place, audio)
                    sound = b"" if known["fault"] else stored(files, known["file"])
                    yield builder.build(row, audio=sound, **known)
                except InputError as error:
                    yield builder.rejected(row, error)


def _by_ending(names: Iterator[str]) -> dict[str, str]:
    """Recordings by each ending of their path without suffix; of two, the one with fewer folders.

    So ``a/b/c.wav`` is found as ``c``, ``b/c`` and ``a/b/c``.
    """
    found: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (name.count("/"), name)):
        parts = stem(name).split("/")
        for start in range(len(parts)):
            found.setdefault("/".join(parts[start:]), name)
    return found


def _line(line: str, place: str, audio: dict[str, str]) -> dict[str, Any]:
    """Parse a line of transcripts into the fields of a ``Recording``."""
    name, colon, text = (part.strip() for part in line.partition(":"))
    if not (name and colon):
        raise InputError(f"{place}: expected a name, a colon and a sentence, got {line!r:.80}")
    file = audio.get(name)
    voice = stem(file).removesuffix(name).rstrip("/").rpartition("/")[2] if file else ""
    is_tone = text.startswith("[") and text.endswith("]")
    return {
        "name": name,
        "text": None if is_tone or not text else text,
        "file": file or name,
        "fault": None if file else f"{place}: expected a recording {name}.wav, got none",
        "speaker_id": voice or None,
    }
