"""Turn a row of a corpus's table into a ``Recording``."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from asr.core.errors import InputError
from asr.corpora.paths import AudioFiles, canonical_split, split_of_path, stem
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
}  # fmt: skip
_LANGUAGE = re.compile(r"[a-z]{2,3}")


def refuse_columns(columns: Columns, corpus_format: str) -> None:
    """Raise ``InputError`` if params.yaml names columns for a format that takes none."""
    if columns:
        raise InputError(f"corpora: columns: format {corpus_format} takes none, got {columns}")


class RecordingBuilder:
    """Builds recordings from rows and rejects a second recording of the same name."""

    def __init__(self, files: Files, columns: Columns) -> None:
        """``columns`` is ``corpora.<name>.columns`` of ``params.yaml``."""
        self.audio = AudioFiles(files)
        self._columns = columns
        self._by_keys: dict[tuple[str, ...], dict[str, str]] = {}
        self._places: dict[str, str] = {}

    def build(self, row: Row, **known: Any) -> Recording:
        """Build a recording from a row; fields in ``known`` take precedence over its columns.

        Raises:
            InputError: if a value is missing or invalid; names file, line and key.
        """
        names = self.column_names(row, [name for name in ("audio", "text") if name not in known])
        if "audio" not in known:
            key = names["audio"]
            file, fault = self.audio.find(path_value(row, key), row.file, f"{row.place}: {key}")
            known |= {"file": file, "fault": fault, "audio": b"" if fault else self.audio[file]}
        if "text" not in known:
            known["text"] = text_value(row, names["text"])
        attributes = self._attributes(row, names, known["file"]) | known.pop("attributes", {})
        name = known.pop("name", None) or id_value(row, names.get("id")) or stem(known["file"])
        self.reserve_name(name, row.place)
        columns = {
            "speaker_id": id_value(row, names.get("speaker_id")),
            "session_id": id_value(row, names.get("session_id")),
            "language": language_value(row, names.get("language")),
            "license": id_value(row, names.get("license")),
        }
        return Recording(name=name, attributes=attributes, **columns | known)

    def reserve_name(self, name: str, place: str) -> None:
        """Reserve a name for the recording at ``place``.

        Raises:
            InputError: if another recording has it; names both places.
        """
        if (first := self._places.get(name)) is not None:
            raise InputError(f"{place}: id {name!r:.120} appears twice, first at {first}")
        self._places[name] = place

    def column_names(self, row: Row, needed: Sequence[str]) -> dict[str, str]:
        """Map our column names to the corpus's, for the columns that the row has.

        Raises:
            InputError: if a column in ``needed`` or in params.yaml is missing, or if several
                columns match.
        """
        keys = (*needed, "", *row.values)
        if keys not in self._by_keys:
            self._by_keys[keys] = self._find(row, set(needed))
        return self._by_keys[keys]

    def _find(self, row: Row, needed: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for ours, usual in USUAL_NAMES.items():
            wanted = (self._columns[ours],) if ours in self._columns else usual
            matches = [name for name in wanted if name in row.values]
            # Skip a column that params.yaml assigns to another of our names.
            matches = [n for n in matches if self._columns.get(ours) == n
                     or n not in self._columns.values()]  # fmt: skip
            if len(matches) > 1:
                raise InputError(
                    f"{row.place}: expected one column for {ours}, got {matches}; choose one in "
                    f"params.yaml: corpora.<name>.columns: {{{ours}: {matches[0]}}}"
                )
            if matches:
                found[ours] = matches[0]
            elif ours in needed or (ours in self._columns and row.place != row.file):
                # ``paired`` builds rows without a table (place == file), which may lack a column.
                raise InputError(
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


def split_of_table(file: str) -> str | None:
    """Split in a table's file name, such as ``train.jsonl`` or ``test-00000-of-00001.parquet``."""
    return canonical_split(file.rpartition("/")[2].partition(".")[0])


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
    value = row.values[key]
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


def language_value(row: Row, key: str | None) -> str | None:
    """An ISO 639 code in lower case: ``hr`` for ``hr-HR``."""
    value = id_value(row, key)
    if value is None:
        return None
    code = re.split("[-_]", value.lower(), maxsplit=1)[0]
    if not _LANGUAGE.fullmatch(code):
        raise InputError(f"{row.place}: {key}: expected an ISO 639 code, got {value!r:.80}")
    return code


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
    value = row.values[key]
    if not isinstance(value, str) or not value:
        raise InputError(f"{row.place}: {key}: expected a path, got {value!r:.80}")
    return value
