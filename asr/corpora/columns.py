"""Turn a row of a corpus's table into a ``Recording``."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from asr.core.errors import InputError
from asr.corpora.languages import language_code
from asr.corpora.paths import AudioFiles, canonical_split, split_of_path, split_of_table, stem
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row

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


def text_value(row: Row, key: str) -> str | None:
    """A transcript, None for null.

    Raises:
        InputError: if the value is neither a string nor null.
    """
    value = row.values.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{row.place}: {key}: expected text, got {value!r:.80}")
    return value


def id_value(row: Row, key: str | None) -> str | None:
    """An id, a string or an integer, as text; None if it is missing or empty.

    Raises:
        InputError: if the value has another type.
    """
    value = row.values.get(key) if key is not None else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{row.place}: {key}: expected a name or number, got {value!r:.80}")
    return str(value).strip() or None


def refuse_offset(row: Row) -> None:
    """Raise ``InputError`` if a row is a stretch of its file, in a format of whole files."""
    try:
        offset_s = float(row.values.get("offset") or 0)
    except (TypeError, ValueError, OverflowError):
        return  # some other offset
    if offset_s:
        raise InputError(
            f"{row.place}: offset: expected a whole file, got a stretch from {offset_s:g} s; "
            "format nemo reads offset and duration"
        )


def language_value(row: Row, key: str | None) -> str | None:
    """The code of a language by its code, locale or name; None if it is missing or undetermined.

    Raises:
        InputError: if it is no language that is known.
    """
    value = id_value(row, key)
    if value is None or value.lower() in ("und", "unknown"):
        return None
    if (code := language_code(value)) is None:
        raise InputError(
            f"{row.place}: {key}: expected a language as ISO 639 code, locale or English name, "
            f"got {value!r:.80}"
        )
    return code


def known_language(value: str | None) -> dict[str, str]:
    """Columns of a language in a format whose rows need none: an unknown one is an attribute."""
    if value is None or language_code(value):
        return {} if value is None else {"language": value}
    return {"language_in_source": value}


def channel_value(row: Row, key: str | None) -> int | None:
    """A channel, from 0; None if it is missing.

    Raises:
        InputError: if the value is anything else.
    """
    value = id_value(row, key)
    if value is not None and not re.fullmatch("[0-9]{1,2}", value):
        raise InputError(f"{row.place}: {key}: expected a channel, 0 or more, got {value!r:.80}")
    return None if value is None else int(value)


def seconds_value(row: Row, key: str) -> float:
    """A finite number of seconds, 0 or more.

    Raises:
        InputError: if it is missing or anything else.
    """
    value = row.values.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{row.place}: {key}: expected seconds, got {value!r:.80}")
    # Compare first: math.isfinite raises OverflowError for an int such as 10 ** 400.
    if not 0 <= value <= 1e9 or not math.isfinite(value):
        raise InputError(f"{row.place}: {key}: expected seconds, 0 or more, got {value!r:.80}")
    return float(value)


def attribute_text(value: Any) -> str:
    """An attribute's value as text: a string unchanged, any other type as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def path_value(row: Row, key: str) -> str:
    """A path, not yet checked: see ``safe_path``.

    Raises:
        InputError: if the value is empty or not a string.
    """
    value = row.values.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{row.place}: {key}: expected a path, got {value!r:.80}")
    return value
