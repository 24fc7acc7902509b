"""A Kaldi data folder: ``wav.scp``, ``text``, and where they are ``utt2spk``, ``segments``, …

Each line is an id and what belongs to it. ``wav.scp`` has plain paths: a command that ends in a
pipe is refused, never run. With ``segments`` (``utterance recording start end``, in seconds)
utterances are stretches of their recording. Also read: ``utt2lang``, ``spk2gender``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from asr.core.errors import InputError
from asr.corpora.columns import Columns, Recordings, no_columns
from asr.corpora.paths import is_audio, read_text
from asr.corpora.recording import Files, Recording, Segment
from asr.corpora.segments import brought_together
from asr.corpora.tables import Row

TABLES = ("wav.scp", "text", "utt2spk", "segments", "utt2lang", "spk2gender")


@dataclass(frozen=True)
class TextLine:
    """What a table says of an id, and where."""

    place: str
    value: str


Table = Mapping[str, TextLine]


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a table."""
    return is_audio(name) or name.rpartition("/")[2] in TABLES


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Folder by folder in the order of names, each in the order of its ``text``."""
    no_columns(columns, "kaldi")
    recordings = Recordings(files, {})
    folders = [name.removesuffix("wav.scp") for name in files if name.endswith("wav.scp")]
    if not folders:
        raise InputError("expected a wav.scp, got no such file")
    found = (one for folder in folders for one in _read_folder(files, folder, recordings))
    yield from brought_together(found, recordings.audio)


def _read_folder(files: Files, folder: str, recordings: Recordings) -> Iterator[Recording]:
    tables = {name: _table(files, folder + name) for name in TABLES}
    if folder + "text" not in files:
        raise InputError(f"{folder}text: expected it beside wav.scp, got no such file")
    for utterance_id, line in tables["text"].items():
        recording_id, segments = utterance_id, tuple[Segment, ...]()
        if tables["segments"]:
            recording_id, segments = _segment(utterance_id, line, tables["segments"])
        if (wav := tables["wav.scp"].get(recording_id)) is None:
            raise InputError(f"{line.place}: {recording_id}: no such line in {folder}wav.scp")
        if wav.value.endswith("|"):
            raise InputError(
                f"{wav.place}: expected a path, got the command {wav.value!r:.120}, which is not "
                "run; write its output to a file"
            )
        file, fault = recordings.audio.find(wav.value, folder + "wav.scp", wav.place)
        speaker = tables["utt2spk"].get(utterance_id)
        sex = tables["spk2gender"].get(speaker.value if speaker else "")
        row = Row(folder + "text", line.place, {"sex": sex.value if sex else None})
        if spoken := tables["utt2lang"].get(utterance_id):
            row = Row(row.file, spoken.place, row.values | {"language": spoken.value})
        yield recordings.described(
            row,
            name=utterance_id,
            text=line.value,
            file=file,
            fault=fault,
            audio=b"",
            speaker_id=speaker.value if speaker else None,
            segments=segments,
        )


def _segment(utterance_id: str, text: TextLine, table: Table) -> tuple[str, tuple[Segment, ...]]:
    """The recording's id and the stretch of it."""
    if (line := table.get(utterance_id)) is None:
        raise InputError(f"{text.place}: {utterance_id}: no such line in segments")
    try:
        recording_id, start, end = line.value.split()
        start_s, end_s = float(start), float(end)
    except ValueError as error:
        raise InputError(
            f"{line.place}: expected recording, start and end, got {line.value!r:.80}"
        ) from error
    if not 0 <= start_s < end_s < 1e9:
        raise InputError(f"{line.place}: expected 0 <= start < end, got {line.value!r:.80}")
    return recording_id, (Segment(start_s, end_s, text.value),)


def _table(files: Files, name: str) -> Table:
    """A table by id; empty where there is no such file."""
    found: dict[str, TextLine] = {}
    lines = read_text(files, name).split("\n") if name in files else []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            key, *value = line.split(maxsplit=1)
            if key in found:
                raise InputError(
                    f"{name}:{number}: id {key!r:.80} appears twice, first at {found[key].place}"
                )
            found[key] = TextLine(f"{name}:{number}", value[0].strip() if value else "")
    return found
