"""Turn a row of a corpus's table into a ``Recording``."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from asr.core.errors import InputError
from asr.corpora.paths import AudioFiles, canonical_split, split_of_path, split_of_table, stem
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row
from asr.corpora.values import (
    attribute_text,
    channel_value,
    id_value,
    language_value,
    path_value,
    refuse_offset,
    text_value,
)

Columns = Mapping[str, str]  # from our name of a column to the corpus's

# Common column names of public corpora; `corpora.<name>.columns` in params.yaml sets any other.
USUAL_NAMES = {
    "id": ("id", "utterance_id", "utt_id"),
    "audio": ("audio", "audio_path", "audio_filepath", "audio_file", "file_name", "filename",
              "original_filename", "file", "path"),
    "text": ("text", "transcript", "transcription", "sentence", "orthographic_text"),
    "speaker_id": ("speaker_id", "speaker", "child_id", "client_id"),
    "session_id": ("session_id", "session"),
    "language": ("language", "lang", "locale"),
    "license": ("license", "licence"),
    "split": ("split",),
    "channel": (),  # no usual name: of a video, it is who published it
}  # fmt: skip


class ColumnsError(InputError):
    """The columns that are needed are not in a row, or several could be meant."""


def refuse_columns(columns: Columns, corpus_format: str) -> None:
    """Raise ``InputError`` if params.yaml names columns for a format that takes none."""
    if columns:
        raise InputError(f"corpora: columns: format {corpus_format} takes none, got {columns}")


def hidden_name(name: str) -> str:
    """What stands for the name of a withdrawn recording, which may not be stored."""
    return f"withdrawn-{hashlib.sha256(name.encode()).hexdigest()}"


class RecordingBuilder:
    """Builds recordings from rows and rejects a second recording of the same name."""

    def __init__(self, files: Files, columns: Columns) -> None:
        """``columns`` is ``corpora.<name>.columns`` of ``params.yaml``."""
        self.audio = AudioFiles(files)
        self._columns = columns
        self._by_keys: dict[tuple[str, ...], dict[str, str]] = {}
        self._places: dict[str, str] = {}
        self._found: dict[tuple[str, str], str] = {}

    def build_each(
        self, rows: Iterable[Row], build: Callable[[Row], Recording]
    ) -> Iterator[Recording]:
        """Yield the recordings of all rows; a row with a fault becomes a recording with a fault.

        Args:
            rows: of one or more tables.
            build: makes the recording of a row.

        Raises:
            InputError: if no row of a table has the columns that are needed; names those it has.
        """
        wrong: dict[str, ColumnsError] = {}
        whole: set[str] = set()
        for row in rows:
            try:
                if row.fault:
                    raise InputError(row.fault)
                one = build(row)
                whole.add(row.file)
            except InputError as error:
                if isinstance(error, ColumnsError):
                    wrong.setdefault(row.file, error)
                one = self.rejected(row, error)
            yield one
        if never := [error for table, error in wrong.items() if table not in whole]:
            raise never[0]

    def rejected(self, row: Row, error: InputError, name: str | None = None) -> Recording:
        """A recording that stands for a row that can't be read."""
        name = name or row.place
        while self._place_of(name) is not None:
            name += "~"
        self._places[name] = row.place
        return Recording(name, None, b"", self._file(row), fault=str(error))

    def _file(self, row: Row) -> str:
        """The audio file that a faulty row names, else its table."""
        try:
            key = self.column_names(row, ["audio"])["audio"]
            file, fault = self.audio.find(path_value(row, key), row.file, row.place)
        except InputError:
            return row.file
        return row.file if fault else file

    def build(self, row: Row, **known: Any) -> Recording:
        """Build a recording from a row; fields in ``known`` take precedence over its columns.

        Raises:
            InputError: if a value is missing or invalid; names file, line and key.
        """
        names = self.column_names(row, [name for name in ("audio", "text") if name not in known])
        if "audio" not in known:
            refuse_offset(row)
            key = names["audio"]
            file, fault = self.audio.find(path_value(row, key), row.file, f"{row.place}: {key}")
            known |= {"file": file, "fault": fault, "audio": b"" if fault else self.audio[file]}
        if "text" not in known:
            known["text"] = text_value(row, names["text"])
        attributes = self._attributes(row, names, known["file"]) | known.pop("attributes", {})
        name = known.pop("name", None) or id_value(row, names.get("id")) or stem(known["file"])
        columns = {
            "speaker_id": id_value(row, names.get("speaker_id")),
            "session_id": id_value(row, names.get("session_id")),
            "language": language_value(row, names.get("language")),
            "channel": channel_value(row, names.get("channel")),
            "license": id_value(row, names.get("license")),
        }
        self.reserve_name(name, row.place)
        return Recording(name=name, attributes=attributes, **columns | known)

    def reserve_name(self, name: str, place: str) -> None:
        """Reserve a name for the recording at ``place``.

        Raises:
            InputError: if another recording has it; names both places.
        """
        if (first := self._place_of(name)) is not None:
            raise InputError(f"{place}: id {name!r:.120} appears twice, first at {first}")
        self._places[name] = place

    def _place_of(self, name: str) -> str | None:
        return self._places.get(name) or self._places.get(hidden_name(name))

    def column_names(self, row: Row, needed: Sequence[str]) -> dict[str, str]:
        """Map our column names to the corpus's, for the columns that the row has.

        Raises:
            InputError: if a column in ``needed`` or in params.yaml is missing, or if several
                columns match.
        """
        keys = (row.file, *needed, "", *row.values)
        if keys not in self._by_keys:
            self._by_keys[keys] = self._find(row, set(needed))
        return self._by_keys[keys]

    def _find(self, row: Row, needed: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for ours, usual in USUAL_NAMES.items():
            wanted = (self._columns[ours],) if ours in self._columns else usual
            matches = [name for name in wanted if name in row.values]
            # A row may leave out what other rows of its table have: JSON without a key for null.
            matches = matches or [m for m in [self._found.get((row.file, ours))] if m]
            # Skip a column that params.yaml assigns to another of our names.
            matches = [n for n in matches if self._columns.get(ours) == n
                     or n not in self._columns.values()]  # fmt: skip
            if len(matches) > 1:
                raise ColumnsError(
                    f"{row.place}: expected one column for {ours}, got {matches}; choose one in "
                    f"params.yaml: corpora.<name>.columns: {{{ours}: {matches[0]}}}"
                )
            if matches:
                found[ours] = matches[0]
                self._found.setdefault((row.file, ours), matches[0])
            elif ours in needed or (ours in self._columns and row.place != row.file):
                # ``paired`` builds rows without a table (place == file), which may lack a column.
                raise ColumnsError(
                    f"{row.place}: expected a key {' or '.join(wanted)}, got "
                    f"{list(row.values)!r:.200}"
                )
        return found

    def _attributes(self, row: Row, names: dict[str, str], file: str) -> dict[str, str]:
        used = set(names.values()) - {names.get("split")}
        attributes = {
            key: attribute_text(value)
            for key, value in row.values.items()
            if key not in used and value is not None and value != ""
        }
        subset = attributes.pop(names["split"], None) if "split" in names else None
        return attributes | subset_attributes(
            subset or split_of_path(file) or split_of_path(row.file) or split_of_table(row.file)
        )


def subset_attributes(subset: str | None) -> dict[str, str]:
    """Attributes of a subset's name: ``split`` if it means one, ``subset`` unless it equals it."""
    if not subset:
        return {}
    split = canonical_split(subset)
    named = {} if split == subset else {"subset": subset}
    return named | ({"split": split} if split else {})
