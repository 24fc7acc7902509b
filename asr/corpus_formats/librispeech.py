"""LibriSpeech's layout: ``train-clean-100/103/1240/103-1240.trans.txt`` beside its recordings.

The line ``103-1240-0000 CHAPTER ONE`` is the transcript of ``103-1240-0000.flac`` (or of another
audio format). 103 is the speaker; the chapter 103-1240 becomes the session. ``SPEAKERS.TXT`` lists
each speaker's sex, F or M.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder, refuse_columns
from asr.corpora.paths import decode_text, is_audio, is_audio_file, is_visible, stem
from asr.corpora.raw_folder import stored
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row

_ID = re.compile(r"(?P<session>(?P<speaker>[^-\s]+)-[^-\s]+)-[^-\s]+")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording, a table of transcripts or the table of speakers."""
    tables = (".trans.txt", "SPEAKERS.TXT")
    return is_audio(name) or (is_visible(name) and name.endswith(tables))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings line by line, chapters sorted by name."""
    refuse_columns(columns, "librispeech")
    tables = [name for name in files if name.endswith(".trans.txt")]
    if not tables:
        raise InputError("expected transcripts whose name ends in .trans.txt, got no such file")
    audio = {stem(name): name for name in files if is_audio_file(files, name)}
    sexes = _sexes(files)
    builder = RecordingBuilder(files, {})
    for table in tables:
        for number, line in enumerate(files[table].split(b"\n"), start=1):
            if line.strip(b" \t\r\xef\xbb\xbf"):
                row = Row(table, f"{table}:{number}", {})
                try:
                    known = _line(decode_text(line, table, number), table, row.place, audio)
                    sound = b"" if known["fault"] else stored(files, known["file"])
                    row = replace(row, values={"sex": sexes.get(known["speaker_id"])})
                    yield builder.build(row, audio=sound, **known)
                except InputError as error:
                    yield builder.rejected(row, error)


def _line(line: str, table: str, place: str, audio: dict[str, str]) -> dict[str, Any]:
    """Parse a line of transcripts into the fields of a ``Recording``."""
    utterance_id, _, text = line.strip().partition(" ")
    if not (match := _ID.fullmatch(utterance_id)) or "/" in utterance_id:
        raise InputError(
            f"{place}: expected speaker-chapter-number and a sentence, got {line!r:.80}"
        )
    path = f"{table.rpartition('/')[0]}/{utterance_id}".removeprefix("/")
    fault = None if path in audio else f"{place}: expected a recording {path}.flac, got none"
    return {
        "name": utterance_id,
        "text": text.strip(),
        "file": audio.get(path, path),
        "fault": fault,
        "speaker_id": match["speaker"],
        "session_id": match["session"],
    }


def _sexes(files: Files) -> dict[str, str]:
    """Map speakers to F or M: ``14   | F | train-clean-360  | 25.03 | Kristin LeMoine``."""
    found = {}
    for name in files:
        if name.endswith("SPEAKERS.TXT"):
            # The names of speakers are not used, so their encoding does not matter.
            for line in files[name].decode("utf-8-sig", "replace").split("\n"):
                cells = [cell.strip() for cell in line.split("|")]
                if not line.startswith(";") and len(cells) > 1 and cells[1] in ("F", "M"):
                    found[cells[0]] = cells[1]
    return found
