"""Recordings with their transcript beside them: ``song.mp3`` and ``song.txt`` or ``song.srt``.

Timed transcripts become segments: ``.json``, ``.lrc``, ``.srt``, ``.vtt``, Praat's ``.TextGrid``,
ELAN's ``.eaf``, TalkBank's ``.cha`` and Audacity's labels in ``.txt``. ``tier`` in the corpus's
``columns`` chooses a tier of Praat or ELAN, or a speaker of TalkBank. An optional
``metadata.csv`` (columns: file name, language, speaker_id, license, source_url …) adds metadata.
A damaged transcript is a fault of its own recording only.
"""

import codecs
from collections import Counter
from collections.abc import Iterator
from typing import Any

from asr.core.errors import InputError
from asr.corpora.chat import read_chat
from asr.corpora.columns import Columns, ColumnsError, RecordingBuilder
from asr.corpora.paths import decode_text, is_audio, is_visible, stem
from asr.corpora.raw_folder import stored
from asr.corpora.recording import Files, Recording
from asr.corpora.subtitles import Segments, read_subtitles
from asr.corpora.tables import Row, read_rows
from asr.corpora.tiers import is_label_track, read_eaf, read_labels, read_textgrid
from asr.corpora.timed_text import joined_text, read_lrc, read_timed_json
from asr.corpora.values import known_language, path_value, text_value

TIMED = (".json", ".lrc", ".srt", ".vtt", ".TextGrid", ".textgrid", ".eaf", ".cha")
INVENTORIES = ("metadata.csv", "metadata.tsv", "metadata.jsonl")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording, a transcript or an inventory."""
    file_name = name.rpartition("/")[2]
    return is_visible(name) and (
        is_audio(name) or name.endswith((".txt", *TIMED)) or file_name in INVENTORIES
    )


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings by name, then a fault for each transcript or row without a recording."""
    builder = RecordingBuilder(files, {k: v for k, v in columns.items() if k != "tier"})
    inventory: dict[str, Row] = {}
    rejected = list(_read_inventory(files, builder, inventory))
    names = builder.audio.names()
    stems = Counter(map(stem, names))
    for file in names:
        row = inventory.pop(file, Row(file, file, {}))
        # a.wav and a.mp3 have the same transcript a.txt, so only their full names are unique.
        known = {"name": file} if stems[stem(file)] > 1 else {}
        yield _recording(builder, files, file, row, known | {"tier": columns.get("tier")})
    for file, row in inventory.items():
        fault = f"{row.place}: expected one file {file!r} in the source, got none"
        yield builder.build(row, file=file, audio=b"", fault=fault, text=None)
    yield from rejected
    for file in files:
        if file.endswith((".txt", *TIMED)) and stem(file) not in stems:
            error = InputError(f"{file}: expected a recording beside it, got none")
            yield builder.rejected(Row(file, file, {}), error)


def _read_inventory(
    files: Files, builder: RecordingBuilder, found: dict[str, Row]
) -> Iterator[Recording]:
    """Read all inventories into ``found``, rows by audio file; yield a fault for each other row."""
    for table in (name for name in files if name.rpartition("/")[2] in INVENTORIES):
        for row in read_rows(files, table):
            try:
                if row.fault:
                    raise InputError(row.fault)
                key = builder.column_names(row, ["audio"])["audio"]
                file, _ = builder.audio.find(path_value(row, key), table, f"{row.place}: {key}")
                if file in found:
                    raise InputError(f"{row.place}: {key}: {file!r} appears twice")
                found[file] = row
            except ColumnsError:
                raise
            except InputError as error:
                yield builder.rejected(row, error)


def _recording(
    builder: RecordingBuilder, files: Files, file: str, row: Row, known: dict[str, Any]
) -> Recording:
    """Build a recording; values of its transcript take precedence over the inventory's."""
    fault, tier = None, known.pop("tier")
    try:
        text, segments, extra = _transcript(files, stem(file), tier)
    except InputError as error:
        fault, text, segments, extra = str(error), None, (), {}
    try:
        names = builder.column_names(row, [])
        if text is None and "text" in names:
            text = text_value(row, names["text"])
        if isinstance(spoken := extra.pop("language", None), str):  # verbose_json has "english"
            known_one = known_language(spoken)
            extra |= {names.get(key, key): value for key, value in known_one.items()}
        known |= {"text": text, "segments": segments, "fault": fault}
        whole = Row(row.file, row.place, row.values | extra)
        return builder.build(whole, file=file, audio=stored(files, file), **known)
    except InputError as error:
        return builder.rejected(Row(file, row.place, {}), error, known.get("name", stem(file)))


def _transcript(
    files: Files, beside: str, tier: str | None
) -> tuple[str | None, Segments, dict[str, Any]]:
    """Return text, segments and other values of the transcripts beside a recording.

    Raises:
        InputError: if a transcript is invalid, or more than one is timed.
    """
    timed = [beside + ending for ending in TIMED if beside + ending in files]
    if len(timed) > 1:
        raise InputError(f"{beside}: expected one timed transcript, got {timed}")
    text, segments, extra = _timed(files, timed[0], tier) if timed else (None, (), {})
    if f"{beside}.txt" in files:
        text = _text(files, f"{beside}.txt").strip()
        if is_label_track(text) and not timed:
            segments, text = read_labels(text, f"{beside}.txt"), None
    return (joined_text(segments) or None) if text is None else text, segments, extra


def _timed(
    files: Files, name: str, tier: str | None
) -> tuple[str | None, Segments, dict[str, Any]]:
    if name.endswith(".eaf"):
        return None, read_eaf(files[name], name, tier), {}
    text = _text(files, name)
    if name.endswith(".json"):
        whole, segments, extra = read_timed_json(text, name)
        return whole, segments, {k: v for k, v in extra.items() if isinstance(v, str | int)}
    if name.endswith(".lrc"):
        segments, tags = read_lrc(text, name)
        return None, segments, {"language": tags["la"]} if "la" in tags else {}
    if name.endswith(".cha"):
        segments, about = read_chat(text, name, tier)
        return None, segments, dict(about)
    if name.lower().endswith(".textgrid"):
        return None, read_textgrid(text, name, tier), {}
    return None, read_subtitles(text, name), {}


def _text(files: Files, name: str) -> str:
    """Read a text in UTF-8, or in UTF-16 with its mark: Praat writes that where letters need it."""
    content = files[name]
    if content[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return decode_text(content, name)
    try:
        return decode_text(content.decode("utf-16").encode(), name)
    except UnicodeError as error:
        raise InputError(f"{name}: expected UTF-16 as its first bytes say: {error}") from error
