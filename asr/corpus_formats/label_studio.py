"""Label Studio's export «JSON», and the audio files of its tasks in any folder.

The transcript is what a person wrote into the labeling configuration's ``TextArea``: of several
annotations the one marked as ground truth, else the newest. A task that nobody annotated has no
transcript: predictions, which a model wrote, are never read. Texts of regions become segments.
What the task's ``data`` has besides the audio, such as ``speaker_id``, are columns.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder
from asr.corpora.paths import is_audio, is_visible
from asr.corpora.recording import Files, Recording, Segment
from asr.corpora.tables import Row, list_value, object_value, read_rows
from asr.corpora.values import id_value, path_value

_UPLOADED = re.compile("[0-9a-f]{8}-")  # what Label Studio puts before the name of an upload


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or an export."""
    return is_audio(name) or (is_visible(name) and name.endswith(".json"))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings task by task, exports sorted by name."""
    exports = [name for name in files if is_visible(name) and name.endswith(".json")]
    if not exports:
        raise InputError("expected Label Studio's export in JSON, got no file that ends in .json")
    builder = RecordingBuilder(files, columns)
    rows = (row for export in exports for row in read_rows(files, export))
    yield from builder.build_each(rows, lambda row: _task(row, builder))


def _task(row: Row, builder: RecordingBuilder) -> Recording:
    """The recording of a task.

    Raises:
        InputError: if the task is not as Label Studio exports it; names file, task and key.
    """
    data = object_value(row.values.get("data"), row, "data")
    key = builder.column_names(data, ["audio"])["audio"]
    path = audio_path(path_value(data, key))
    file, fault = builder.audio.find(path, row.file, f"{data.place}: {key}")
    folder, slash, name = path.rpartition("/")
    if fault and _UPLOADED.match(name):
        plain, why = builder.audio.find(f"{folder}{slash}{name[9:]}", row.file, data.place)
        file, fault = (file, fault) if why else (plain, None)
    text, segments = _transcript(row)
    task = id_value(row, "id")
    if task is None:
        raise InputError(f"{row.place}: id: expected the number of a task, got none")
    return builder.build(
        Row(row.file, data.place, {k: v for k, v in data.values.items() if k != "id"}),
        name=task, text=text, segments=segments, file=file, fault=fault,
        audio=b"" if fault else builder.audio[file],
    )  # fmt: skip


def audio_path(address: str) -> str:
    """The path in what a task has of its audio: a URL, an upload, a local file or a key.

    >>> audio_path("/data/local-files/?d=week%207/one.wav")
    'week 7/one.wav'
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    if local := parse_qs(parts.query).get("d"):
        return local[0]
    path = unquote(parts.path) if parts.scheme or parts.query else address
    return path.removeprefix("/data/").lstrip("/")


def _transcript(row: Row) -> tuple[str | None, tuple[Segment, ...]]:
    """The text of a task's annotation, or its segments; none if nobody annotated it."""
    annotations = [
        object_value(one, row, "annotations").values for one in list_value(row, "annotations")
    ]
    done = [one for one in annotations if not one.get("was_cancelled")]
    if not done:
        return None, ()
    # Label Studio lists the newest first or last, by version; ids and times grow.
    chosen = max(done, key=lambda one: (bool(one.get("ground_truth")), *_age(one)))
    place = Row(row.file, f"{row.place}: annotations", chosen)
    texts, segments = [], []
    for one in list_value(place, "result"):
        result = object_value(one, place, "result")
        if result.values.get("type") != "textarea":
            continue
        value = object_value(result.values.get("value"), result, "value")
        text = _text(value)
        if "start" in value.values and "end" in value.values:
            segments.append(_segment(value, text))
        else:
            texts.append(text)
    if segments:
        return None, tuple(sorted(segments, key=lambda one: one.start_s))
    return (" ".join(texts), ()) if texts else (None, ())


def _age(annotation: Mapping[str, Any]) -> tuple[str, int]:
    updated, number = annotation.get("updated_at"), annotation.get("id")
    return str(updated or ""), number if isinstance(number, int) else 0


def _text(value: Row) -> str:
    text = value.values.get("text")
    lines = [text] if isinstance(text, str) else text
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise InputError(f"{value.place}: text: expected texts, got {text!r:.80}")
    return " ".join(lines)


def _segment(value: Row, text: str) -> Segment:
    times = [value.values[key] for key in ("start", "end")]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in times):
        return Segment(0.0, None, text, fault=f"{value.place}: expected seconds, got {times!r:.80}")
    start_s, end_s = map(float, times)
    if not 0 <= start_s < end_s < 1e9:
        return Segment(0.0, None, text, fault=f"{value.place}: expected times, got {times!r:.80}")
    return Segment(start_s, end_s, text)
