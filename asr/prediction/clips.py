"""The clips of a manifest: this project's own, or any table with an id and an audio path a row.

The table is JSON Lines, JSON, CSV or TSV, with the usual names of columns, as in DrivenData's
competitions: ``{"utterance_id": "U1", "audio_path": "audio/U1.flac"}``.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from asr.audio.decoding import decode
from asr.core.errors import InputError
from asr.corpora.audio_content import HEAD_BYTES, may_be_audio
from asr.corpora.columns import RecordingBuilder
from asr.corpora.paths import AudioFiles
from asr.corpora.tables import Row, parse_json, read_rows
from asr.corpora.test_sets import TEST
from asr.corpora.values import id_value, language_value, path_value, text_value
from asr.sources.params import FetchParams
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import Utterance, read_manifest
from asr.utterances.waveform import Waveform

_OWN_KEYS = {"shard", "row", "sha256"}  # of a line of this project's own manifests


@dataclass(frozen=True)
class Clip:
    """A clip to transcribe.

    Attributes:
        id: unique in its manifest.
        language: ISO 639 code.
        text: the reference; None if there is none.
        speaker_id: None if the manifest has none.
        load: returns the waveform. Raises ``UndecodableError``, ``InputError`` or ``OSError``.
        file: of the audio; None if it is missing, or in a shard.
        duration_s: in seconds; None if nobody has decoded the audio yet.
    """

    id: str
    language: str
    text: str | None
    speaker_id: str | None
    load: Callable[[], Waveform]
    file: Path | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class AudioSource:
    """Where and how to read the files of a table.

    Attributes:
        folder: that the paths are relative to.
        language: of rows without one; None if each row must have one.
        max_duration_s: of a file; decoding stops there.
        limits: on the size of a file.
    """

    folder: Path
    language: str | None
    max_duration_s: float
    limits: FetchParams

    def load(self, file: Path) -> Waveform:
        """Decode a file."""
        if (size := file.stat().st_size) > self.limits.max_bytes:
            raise InputError(f"{file}: {self.limits.too_large(size)}")
        return decode(file.read_bytes(), self.max_duration_s).waveform

    def find(self, path: str, place: str) -> Path:
        """The file of a path in the table: absolute, in the folder, or in a folder below it.

        Raises:
            InputError: if there is none or several.
        """
        if (file := self.folder / path).is_file():
            return file
        name, fault = self._by_name.find(path, "", place)
        if fault:
            raise InputError(fault)
        return self.folder / name

    @cached_property
    def _by_name(self) -> AudioFiles:
        return AudioFiles(_Heads(self.folder))


class _Heads:
    """The first bytes of the files below a folder that may be audio.

    ``AudioFiles`` looks at those whose names have an unknown ending.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        paths = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
        names = (path.relative_to(folder).as_posix() for path in paths)
        self._names = dict.fromkeys(sorted(filter(may_be_audio, names)))

    def __getitem__(self, name: str) -> bytes:
        with (self._folder / name).open("rb") as file:
            return file.read(HEAD_BYTES)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)


def is_own_manifest(path: Path) -> bool:
    """Whether a file is a manifest that ``split`` wrote, by its first line.

    Raises:
        InputError: if it is empty or its first line no JSON in an ending of JSON Lines.
    """
    if path.suffix != ".jsonl":
        return False
    with path.open("rb") as file:
        first = file.readline()
    if not first.strip():
        raise InputError(f"{path}: expected a clip on each line, got none on the first")
    values = parse_json(first.decode("utf-8-sig", "replace"), f"{path}:1")
    return isinstance(values, dict) and values.keys() >= _OWN_KEYS


def test_set_of(manifest: Path) -> str:
    """The test set that one of this project's manifests is of; ``test`` for those of ``split``."""
    of_a_test_set = manifest.resolve().parent.parts[-2:] == ("test_sets", "manifests")
    return manifest.stem if of_a_test_set else TEST


def prepared_of(manifest: Path) -> Path:
    """The folder with the audio of one of this project's manifests."""
    of_split = test_set_of(manifest) == TEST
    return Path("data/prepared" if of_split else "data/test_sets/prepared")


def own_clips(utterances: list[Utterance], prepared: Path) -> list[Clip]:
    """The clips of this project's own utterances."""
    waveforms = Waveforms(prepared, utterances)
    return [
        Clip(
            one.id, one.language, one.text, one.speaker_id,
            load=partial(waveforms.__getitem__, index), duration_s=one.duration_s,
        )
        for index, one in enumerate(utterances)
    ]  # fmt: skip


def read_own(manifest: Path, prepared: Path) -> list[Clip]:
    """The clips of a manifest of this project."""
    return own_clips(read_manifest(manifest), prepared)


def read_table(manifest: Path, source: AudioSource) -> list[Clip]:
    """The clips of a table.

    A row whose file is missing becomes a clip whose ``load`` raises.

    Raises:
        InputError: if a row can't be read, or has no id, one that another row has, or no language;
            or if no row has a file. Names the line.
    """
    name = str(manifest)
    rows = read_rows({name: manifest.read_bytes()}, name)
    clips, faults = [], []
    places: dict[str, str] = {}
    builder = RecordingBuilder({}, {})
    for row in rows:
        clip, fault = _clip(row, builder, source)
        if clip.id in places:
            raise InputError(
                f"{row.place}: id {clip.id!r:.120} appears twice, first at {places[clip.id]}"
            )
        places[clip.id] = row.place
        clips.append(clip)
        faults += [fault] if fault else []
    if not clips:
        raise InputError(f"{manifest}: expected a clip on each line, got none")
    if len(faults) == len(clips):
        raise faults[0]
    return clips


def _clip(
    row: Row, builder: RecordingBuilder, source: AudioSource
) -> tuple[Clip, InputError | None]:
    """The clip of a row, and why it has no audio."""
    if row.fault:
        raise InputError(row.fault)
    names = builder.column_names(row, ["id"])
    if (clip_id := id_value(row, names["id"])) is None:
        raise InputError(f"{row.place}: {names['id']}: expected an id, got none")
    language = language_value(row, names.get("language")) or source.language
    if language is None:
        raise InputError(f"{row.place}: expected a key language, or --language for all rows")
    text = text_value(row, names["text"]) if "text" in names else None
    fault = file = None
    try:
        key = builder.column_names(row, ["id", "audio"])["audio"]
        file = source.find(path_value(row, key), f"{row.place}: {key}")
        load = partial(source.load, file)
    except InputError as error:
        fault = error
        load = partial(_refuse, error)
    speaker_id = id_value(row, names.get("speaker_id"))
    return Clip(clip_id, language, text or None, speaker_id, load, file), fault


def _refuse(error: InputError) -> Waveform:
    raise error
