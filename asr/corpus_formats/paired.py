"""Recordings with their transcript beside them: ``song.mp3`` and ``song.txt``, or a timed one.

Timed transcripts, ``.json``, ``.lrc``, ``.srt`` or ``.vtt``, give segments. An inventory
``metadata.csv`` (columns: the file's name, then language, speaker_id, license, source_url …) says
more of each recording. A transcript that can't be read rejects its own recording, no other.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from asr.core.errors import InputError
from asr.corpora.columns import Columns, Recordings, path_value, text_value
from asr.corpora.paths import is_audio, is_visible, read_text, stem
from asr.corpora.raw_folder import stored
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row, read_rows
from asr.corpora.timed_text import Segments, read_lrc, read_subtitles, read_timed_json, whole_text

TIMED = (".json", ".lrc", ".srt", ".vtt")
INVENTORIES = ("metadata.csv", "metadata.tsv", "metadata.jsonl")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording, a transcript or an inventory."""
    file_name = name.rpartition("/")[2]
    return is_visible(name) and (
        is_audio(name) or name.endswith((".txt", *TIMED)) or file_name in INVENTORIES
    )


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """The recordings in the order of names, then those that only the inventory knows."""
    recordings = Recordings(files, columns)
    inventory = _inventory(files, recordings)
    names = recordings.audio.names()
    stems = Counter(map(stem, names))
    for file in names:
        row = inventory.pop(file, Row(file, file, {}))
        # a.wav and a.mp3 share a.txt, but no name.
        known = {"name": file} if stems[stem(file)] > 1 else {}
        yield _recording(recordings, files, file, row, known)
    for file, row in inventory.items():
        fault = f"{row.place}: expected one file {file!r} in the source, got none"
        yield recordings.described(row, file=file, audio=b"", fault=fault, text=None)


def _inventory(files: Files, recordings: Recordings) -> dict[str, Row]:
    """What inventories say, by file."""
    found: dict[str, Row] = {}
    for table in (name for name in files if name.rpartition("/")[2] in INVENTORIES):
        for row in read_rows(files, table):
            key = recordings.names(row, ["audio"])["audio"]
            file, _ = recordings.audio.find(path_value(row, key), table, f"{row.place}: {key}")
            if file in found:
                raise InputError(f"{row.place}: {key}: {file!r} appears twice")
            found[file] = row
    return found


def _recording(
    recordings: Recordings, files: Files, file: str, row: Row, known: dict[str, Any]
) -> Recording:
    """A recording with what the inventory and its transcripts say; theirs goes before."""
    fault = None
    try:
        text, segments, said = _transcript(files, stem(file))
    except InputError as error:
        fault, text, segments, said = str(error), None, (), {}
    if text is None and (key := recordings.names(row, []).get("text")):
        text = text_value(row, key)
    row = Row(row.file, row.place, row.values | said)
    known |= {"text": text, "segments": segments, "fault": fault}
    return recordings.described(row, file=file, audio=stored(files, file), **known)


def _transcript(files: Files, beside: str) -> tuple[str | None, Segments, dict[str, Any]]:
    """Text, segments and what else the transcripts beside a recording say.

    Raises:
        InputError: if one can't be read, or two have times.
    """
    timed = [beside + ending for ending in TIMED if beside + ending in files]
    if len(timed) > 1:
        raise InputError(f"{beside}: expected one timed transcript, got {timed}")
    text, segments, said = _timed(files, timed[0]) if timed else (None, (), {})
    if f"{beside}.txt" in files:
        text = read_text(files, f"{beside}.txt").strip()
    return (whole_text(segments) or None) if text is None else text, segments, said


def _timed(files: Files, name: str) -> tuple[str | None, Segments, dict[str, Any]]:
    text = read_text(files, name)
    if name.endswith(".json"):
        whole, segments, said = read_timed_json(text, name)
        return whole, segments, {k: v for k, v in said.items() if isinstance(v, str | int)}
    if name.endswith(".lrc"):
        segments, tags = read_lrc(text, name)
        return None, segments, {"language": tags["la"]} if "la" in tags else {}
    return None, read_subtitles(text, name), {}
