"""NeMo manifests: JSON Lines of ``{"audio_filepath": …, "offset": …, "duration": …, "text": …}``.

With ``offset``, an utterance is the stretch from there with length ``duration``, in seconds, or to
 the file's end. Without it, as in NeMo, an utterance is the file's first ``duration`` seconds.
"""

from collections.abc import Iterator

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder
from asr.corpora.paths import is_audio, is_visible
from asr.corpora.recording import Files, Recording, Segment
from asr.corpora.segments import group_by_file
from asr.corpora.tables import Row, read_rows
from asr.corpora.values import id_value, path_value, seconds_value, text_value

MANIFEST_ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a manifest."""
    return is_audio(name) or (is_visible(name) and name.endswith(MANIFEST_ENDINGS))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings line by line, manifests sorted by name."""
    builder = RecordingBuilder(files, columns)
    manifests = [name for name in files if is_visible(name) and name.endswith(MANIFEST_ENDINGS)]
    if not manifests:
        raise InputError(f"expected a manifest whose name ends in {MANIFEST_ENDINGS}, got none")
    rows = (row for manifest in manifests for row in read_rows(files, manifest))
    found = builder.build_each(rows, lambda row: _described(row, builder))
    yield from group_by_file(found, builder.audio)


def _described(row: Row, builder: RecordingBuilder) -> Recording:
    names = builder.column_names(row, ["audio", "text"])
    place = f"{row.place}: {names['audio']}"
    file, fault = builder.audio.find(path_value(row, names["audio"]), row.file, place)
    values = {key: value for key, value in row.values.items() if key not in ("offset", "duration")}
    plain = Row(row.file, row.place, values)
    # NeMo reads to the end where there is no duration, and writes -1 for an unknown one.
    states_none = row.values.get("duration") in (None, 0, -1)
    duration_s = None if states_none else seconds_value(row, "duration")
    if row.values.get("offset") is None:
        return builder.build(plain, file=file, fault=fault, audio=b"", stated_s=duration_s)
    start_s = seconds_value(row, "offset")
    text = text_value(row, names["text"]) or ""
    end_s = start_s + duration_s if duration_s else None
    # A file may have several utterances, so without an id the line is the name, not the file.
    name = id_value(row, names.get("id")) or row.place
    return builder.build(
        plain,
        name=name,
        file=file,
        fault=fault,
        audio=b"",
        segments=(Segment(start_s, end_s, text),),
    )
