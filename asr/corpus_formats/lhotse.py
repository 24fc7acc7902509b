"""Lhotse's cuts, ``*.jsonl`` or ``*.jsonl.gz``, read without Lhotse.

A cut is a stretch of a recording. Its supervisions are the utterances; their times are relative to
the cut's start. A recording must be one file: a command, a URL, features or a mixed cut raises an
``InputError``. Several channels are averaged.
"""

from collections.abc import Iterator
from typing import Any

from asr.core.errors import InputError
from asr.corpora.columns import (
    Columns,
    RecordingBuilder,
    attribute_text,
    refuse_columns,
    seconds_value,
    text_value,
)
from asr.corpora.paths import is_audio, is_visible
from asr.corpora.recording import Files, Recording, Segment
from asr.corpora.segments import group_by_file
from asr.corpora.tables import Row, read_rows

SLACK_S = 0.05  # a supervision that starts and ends this close to the recording's ends covers it


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a manifest of cuts."""
    return is_audio(name) or (is_visible(name) and name.endswith((".jsonl", ".jsonl.gz")))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings cut by cut, manifests sorted by name."""
    refuse_columns(columns, "lhotse")
    builder = RecordingBuilder(files, {})
    manifests = [name for name in files if not is_audio(name)]
    if not manifests:
        raise InputError("expected cuts whose name ends in .jsonl or .jsonl.gz, got no such file")
    rows = (row for manifest in manifests for row in read_rows(files, manifest))
    found = (one for row in rows for one in _read_cut(row, builder))
    yield from group_by_file(found, builder.audio)


def _read_cut(cut: Row, builder: RecordingBuilder) -> Iterator[Recording]:
    if (kind := cut.values.get("type", "MonoCut")) not in ("MonoCut", "MultiCut"):
        raise InputError(f"{cut.place}: type: expected MonoCut or MultiCut, got {kind!r:.80}")
    recording = _part(cut, "recording")
    path = _path(recording)
    place = f"{recording.place}: source"
    file, fault = builder.audio.find(path, cut.file, place)
    cut_start_s, length_s = seconds_value(cut, "start"), seconds_value(recording, "duration")
    supervisions = _list(cut, "supervisions")
    for number, values in enumerate(supervisions, start=1):
        said = _object(values, cut, f"supervisions {number}")
        start_s, text = cut_start_s + seconds_value(said, "start"), text_value(said, "text") or ""
        end_s = min(start_s + seconds_value(said, "duration"), length_s)
        if start_s >= end_s:
            raise InputError(
                f"{said.place}: expected a stretch of the recording's {length_s} s, got {start_s} "
                f"to {end_s} s"
            )
        whole = start_s <= SLACK_S and end_s >= length_s - SLACK_S
        yield builder.build(
            _columns(said),
            file=file,
            fault=fault,
            audio=b"",
            text=text,
            segments=() if whole else (Segment(start_s, end_s, text),),
        )


def _columns(said: Row) -> Row:
    """A supervision as a flat row: id, speaker, language, gender and the keys of ``custom``."""
    custom = said.values.get("custom")
    known = {key: said.values.get(key) for key in ("id", "speaker", "language", "gender")}
    more = {k: attribute_text(v) for k, v in custom.items()} if isinstance(custom, dict) else {}
    return Row(said.file, said.place, {k: v for k, v in (more | known).items() if v is not None})


def _path(recording: Row) -> str:
    """Return the path of a recording's only source, which must be of type ``file``."""
    sources = _list(recording, "sources")
    if len(sources) != 1:
        raise InputError(f"{recording.place}: sources: expected one, got {len(sources)}")
    source = _object(sources[0], recording, "sources")
    if (kind := source.values.get("type")) != "file":
        raise InputError(f"{source.place}: type: expected 'file', got {kind!r:.80}")
    path = source.values.get("source")
    if not isinstance(path, str):
        raise InputError(f"{source.place}: source: expected a path, got {path!r:.80}")
    return path


def _part(row: Row, key: str) -> Row:
    return _object(row.values.get(key), row, key)


def _object(value: Any, row: Row, key: str) -> Row:
    if not isinstance(value, dict):
        raise InputError(f"{row.place}: {key}: expected an object, got {value!r:.80}")
    return Row(row.file, f"{row.place}: {key}", value)


def _list(row: Row, key: str) -> list[Any]:
    value = row.values.get(key)
    if not isinstance(value, list):
        raise InputError(f"{row.place}: {key}: expected a list, got {value!r:.80}")
    return value
