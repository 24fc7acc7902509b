"""A Kaldi data folder: ``wav.scp`` and ``text``, and optionally ``utt2spk``, ``segments``, …

Each line holds an id and its value. ``wav.scp`` must hold paths; a command, which ends in a pipe,
is an error and never runs. With ``segments`` (``utterance recording start end``, in seconds) an
utterance is a stretch of its recording. ``reco2file_and_channel`` (``recording file A``) chooses a
channel: A or 1 is the first. ``utt2lang`` and ``spk2gender`` are read too.

An id with two different values, or a line that is not UTF-8, costs the utterances that need it.
"""

from collections.abc import Iterator, Mapping

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder, refuse_columns
from asr.corpora.id_table import IdLine, IdTable, read_id_table
from asr.corpora.paths import is_audio
from asr.corpora.recording import Files, Recording, Segment
from asr.corpora.segments import group_by_file
from asr.corpora.tables import Row
from asr.corpora.values import known_language

TABLES = ("wav.scp", "text", "utt2spk", "segments", "utt2lang", "spk2gender",
          "reco2file_and_channel")  # fmt: skip
CHANNELS = {"A": 0, "B": 1, "1": 0, "2": 1}


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a table."""
    return is_audio(name) or name.rpartition("/")[2] in TABLES


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings folder by folder, in the order of each folder's ``text``."""
    refuse_columns(columns, "kaldi")
    builder = RecordingBuilder(files, {})
    folders = [name.removesuffix("wav.scp") for name in files if name.endswith("wav.scp")]
    if not folders:
        raise InputError("expected a wav.scp, got no such file")
    found = (one for folder in folders for one in _read_folder(files, folder, builder))
    yield from group_by_file(found, builder.audio)


def _read_folder(files: Files, folder: str, builder: RecordingBuilder) -> Iterator[Recording]:
    tables = {name: read_id_table(files, folder + name) for name in TABLES}
    if folder + "text" not in files:
        raise InputError(f"{folder}text: expected a file beside wav.scp, got none")
    text = tables["text"]
    for utterance_id, line in (*text.lines.items(), *text.others):
        try:
            if line.fault:
                raise InputError(line.fault)
            yield _described(utterance_id, line, tables, folder, builder)
        except InputError as error:
            wav = tables["wav.scp"].lines.get(utterance_id)
            row = Row(folder + "text", line.place, {"audio": wav.value} if wav else {})
            yield builder.rejected(row, error, utterance_id)


def _described(
    utterance_id: str,
    line: IdLine,
    tables: Mapping[str, IdTable],
    folder: str,
    builder: RecordingBuilder,
) -> Recording:
    recording_id, segments = utterance_id, tuple[Segment, ...]()
    if tables["segments"].lines:
        recording_id, segments = _segment(utterance_id, line, tables["segments"])
    if (wav := tables["wav.scp"].get(recording_id)) is None:
        raise InputError(f"{line.place}: expected {recording_id} in {folder}wav.scp, got none")
    if wav.value.endswith("|"):
        raise InputError(
            f"{wav.place}: expected a path, got the command {wav.value!r:.120}, which is not "
            "run; write its output to a file"
        )
    file, fault = builder.audio.find(wav.value, folder + "wav.scp", wav.place)
    speaker = tables["utt2spk"].get(utterance_id)
    sex = tables["spk2gender"].get(speaker.value if speaker else "")
    spoken = tables["utt2lang"].get(utterance_id)
    values: dict[str, str | None] = {"sex": sex.value if sex else None}
    values |= known_language(spoken.value if spoken else None)
    return builder.build(
        Row(folder + "text", line.place, values),
        name=utterance_id,
        text=line.value,
        file=file,
        fault=fault,
        audio=b"",
        speaker_id=speaker.value if speaker else None,
        segments=segments,
        channel=_channel(tables["reco2file_and_channel"].get(recording_id)),
    )


def _channel(line: IdLine | None) -> int | None:
    """The channel of a line ``sw02001 sw02001 A``: A and 1 are the first, since sph2pipe's."""
    if line is None:
        return None
    channel = line.value.rpartition(" ")[2].upper()
    if channel not in CHANNELS:
        raise InputError(f"{line.place}: expected a channel {CHANNELS}, got {line.value!r:.80}")
    return CHANNELS[channel]


def _segment(utterance_id: str, text: IdLine, table: IdTable) -> tuple[str, tuple[Segment, ...]]:
    """Return the recording's id and the utterance's segment of it."""
    if (line := table.get(utterance_id)) is None:
        raise InputError(f"{text.place}: expected {utterance_id} in segments, got no such line")
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
