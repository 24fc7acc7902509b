"""Lhotse's cuts, ``*.jsonl`` or ``*.jsonl.gz``, read without Lhotse.

A cut is a stretch of a recording. Its supervisions are the utterances; their times are relative to
the cut's start. A recording must be one file, unchanged: a command, a URL, features, transforms or
a mixed cut is rejected. ``channel`` chooses one of several channels. Keys of ``custom`` become
attributes; one that holds a recording is rejected, since nothing says which of the two is meant.
"""

from collections.abc import Iterator
from typing import Any

from asr.core.errors import InputError
from asr.corpora.columns import USUAL_NAMES, Columns, RecordingBuilder, refuse_columns
from asr.corpora.paths import is_audio, is_visible
from asr.corpora.recording import Files, Recording, Segment
from asr.corpora.segments import group_by_file
from asr.corpora.tables import Row, all_values, list_value, object_value, read_rows
from asr.corpora.values import attribute_text, id_value, known_language, seconds_value, text_value

MANIFESTS = (".jsonl", ".jsonl.gz")
SLACK_S = 0.05  # a supervision that starts and ends this close to the recording's ends covers it


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a manifest of cuts."""
    return is_audio(name) or (is_visible(name) and name.endswith(MANIFESTS))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings cut by cut, manifests sorted by name."""
    refuse_columns(columns, "lhotse")
    builder = RecordingBuilder(files, {})
    manifests = [name for name in files if is_visible(name) and name.endswith(MANIFESTS)]
    if not manifests:
        raise InputError("expected cuts whose name ends in .jsonl or .jsonl.gz, got no such file")
    rows = (row for manifest in manifests for row in read_rows(files, manifest))
    found = (one for row in rows for one in _read_cut(row, builder))
    yield from group_by_file(found, builder.audio)


def _read_cut(cut: Row, builder: RecordingBuilder) -> Iterator[Recording]:
    """Yield the supervisions; a fault of one rejects it alone, a fault of the cut all of them."""
    try:
        if cut.fault:
            raise InputError(cut.fault)
        if (kind := cut.values.get("type", "MonoCut")) not in ("MonoCut", "MultiCut"):
            raise InputError(f"{cut.place}: type: expected MonoCut or MultiCut, got {kind!r:.80}")
        recording = _part(cut, "recording")
        for part in (cut, recording):
            _refuse_other_audio(part)
        found = builder.audio.find(_path(recording), cut.file, f"{recording.place}: source")
        start_s, length_s = seconds_value(cut, "start"), seconds_value(recording, "duration")
        supervisions = list_value(cut, "supervisions")
    except InputError as error:
        yield builder.rejected(cut, error)
        return
    for number, values in enumerate(supervisions, start=1):
        try:
            said = object_value(values, cut, f"supervisions {number}")
            _refuse_other_audio(said)
            yield _utterance(said, cut, found, start_s, length_s, builder)
        except InputError as error:
            yield builder.rejected(Row(cut.file, f"{cut.place}: supervisions {number}", {}), error)


def _utterance(
    said: Row,
    cut: Row,
    found: tuple[str, str | None],
    cut_start_s: float,
    length_s: float,
    builder: RecordingBuilder,
) -> Recording:
    # Lhotse leaves out what is None, and a supervision may begin before its cut.
    text = text_value(said, "text") or ""
    start_s = cut_start_s + _signed_seconds(said, "start")
    end_s = start_s + seconds_value(said, "duration")
    whole = abs(start_s) <= SLACK_S and abs(end_s - length_s) <= SLACK_S
    file, fault = found
    return builder.build(
        _columns(said, cut),
        file=file,
        fault=fault,
        audio=b"",
        text=text or None,
        segments=() if whole else (Segment(start_s, end_s, text),),
        channel=_channel(said, cut),
    )


def _channel(said: Row, cut: Row) -> int | None:
    """The channel that is said, None if the recording has no other, or if all are."""
    (source,) = list_value(_part(cut, "recording"), "sources")
    there = source.get("channels") if isinstance(source.get("channels"), list) else [0]
    wanted = said.values.get("channel", cut.values.get("channel"))
    chosen = wanted if isinstance(wanted, list) else [] if wanted is None else [wanted]
    if not all(isinstance(one, int) and one in there for one in chosen):
        raise InputError(f"{said.place}: channel: expected some of {there}, got {wanted!r:.80}")
    if len(there) == 1 or not chosen or set(chosen) == set(there):
        return None
    if len(set(chosen)) > 1:
        raise InputError(
            f"{said.place}: channel: expected one or all of {there}, got {wanted!r:.80}"
        )
    return there.index(chosen[0])


def _signed_seconds(row: Row, key: str) -> float:
    value = row.values.get(key)
    if isinstance(value, int | float) and -1e9 < value < 0:
        return float(value)
    return seconds_value(row, key)


def _columns(said: Row, cut: Row) -> Row:
    """A supervision as a flat row: id, speaker, language, gender, and the keys of ``custom``."""
    known = {key: said.values.get(key) for key in ("id", "speaker", "gender")}
    more: dict[str, Any] = {}
    for custom in (cut.values.get("custom"), said.values.get("custom")):
        if isinstance(custom, dict):
            more |= {k: attribute_text(v) for k, v in custom.items()}
    spoken = known_language(id_value(said, "language"))  # "English" in Lhotse's own recipes
    known = {k: v for k, v in (known | spoken).items() if v is not None}
    # Another usual name of what the supervision says itself would be ambiguous: «lang».
    same = {name for usual in USUAL_NAMES.values() if known.keys() & usual for name in usual}
    more = {f"custom_{k}" if k in same - known.keys() else k: v for k, v in more.items()}
    values = {k: v for k, v in (more | known).items() if v is not None}
    return Row(said.file, said.place, values)


def _refuse_other_audio(row: Row) -> None:
    """Raise ``InputError`` for transforms, and for a key of ``custom`` that holds a recording."""
    if transforms := row.values.get("transforms"):
        raise InputError(f"{row.place}: transforms: expected none, got {transforms!r:.120}")
    custom = row.values.get("custom")
    for key, value in custom.items() if isinstance(custom, dict) else ():
        for one in all_values(value):
            # As Lhotse does, take an object with sources for a recording.
            if isinstance(one, dict) and "sources" in one:
                raise InputError(
                    f"{row.place}: custom: {key}: expected no recording, got {one!r:.80}"
                )


def _path(recording: Row) -> str:
    """Return the path of a recording's only source, which must be of type ``file``."""
    sources = list_value(recording, "sources")
    if len(sources) != 1:
        raise InputError(f"{recording.place}: sources: expected one, got {len(sources)}")
    source = object_value(sources[0], recording, "sources")
    if (kind := source.values.get("type")) != "file":
        raise InputError(f"{source.place}: type: expected 'file', got {kind!r:.80}")
    path = source.values.get("source")
    if not isinstance(path, str):
        raise InputError(f"{source.place}: source: expected a path, got {path!r:.80}")
    return path


def _part(row: Row, key: str) -> Row:
    return object_value(row.values.get(key), row, key)
