"""A row of a corpus's table, as the recording that it describes."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from asr.core.errors import InputError
from asr.corpora.paths import AudioFiles, given_split, split_of_path, stem
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import Row

Columns = Mapping[str, str]  # our name of a column: the corpus's

# What corpora call their columns. `corpora.<name>.columns` in params.yaml says it where none fits.
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


def no_columns(columns: Columns, corpus_format: str) -> None:
    """Refuse names of columns for a format that has no columns, or fixed ones."""
    if columns:
        raise InputError(f"corpora: columns: format {corpus_format} takes none, got {columns}")


class Recordings:
    """Makes recordings of rows, and sees to it that no name comes twice."""

    def __init__(self, files: Files, columns: Columns) -> None:
        """``columns`` are those that the corpus's line in ``params.yaml`` names."""
        self.audio = AudioFiles(files)
        self._columns = columns
        self._by_keys: dict[tuple[str, ...], dict[str, str]] = {}
        self._places: dict[str, str] = {}

    def described(self, row: Row, **known: Any) -> Recording:
        """The recording of a row: what its columns say, but for what is ``known`` already.

        Raises:
            InputError: naming file, line and key.
        """
        names = self.names(row, [column for column in ("audio", "text") if column not in known])
        if "audio" not in known:
            key = names["audio"]
            file, fault = self.audio.find(path_value(row, key), row.file, f"{row.place}: {key}")
            known |= {"file": file, "fault": fault, "audio": b"" if fault else self.audio[file]}
        if "text" not in known:
            known["text"] = text_value(row, names["text"])
        attributes = self._attributes(row, names, known["file"]) | known.pop("attributes", {})
        name = known.pop("name", None) or id_value(row, names.get("id")) or stem(known["file"])
        self.claim(name, row.place)
        columns = {
            "speaker_id": id_value(row, names.get("speaker_id")),
            "session_id": id_value(row, names.get("session_id")),
            "language": language_value(row, names.get("language")),
            "license": id_value(row, names.get("license")),
        }
        return Recording(name=name, attributes=attributes, **columns | known)

    def claim(self, name: str, place: str) -> None:
        """Take a name for the recording at ``place``.

        Raises:
            InputError: if it is taken; with both places.
        """
        if (first := self._places.get(name)) is not None:
            raise InputError(f"{place}: id {name!r:.120} appears twice, first at {first}")
        self._places[name] = place

    def names(self, row: Row, needed: Sequence[str]) -> dict[str, str]:
        """The corpus's names of the columns that a row has, by ours.

        Raises:
            InputError: if a needed column, or one that params name, is not there; or if several
                could be meant.
        """
        keys = (*needed, "", *row.values)
        if keys not in self._by_keys:
            self._by_keys[keys] = self._find(row, set(needed))
        return self._by_keys[keys]

    def _find(self, row: Row, needed: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for ours, usual in USUAL_NAMES.items():
            wanted = (self._columns[ours],) if ours in self._columns else usual
            there = [name for name in wanted if name in row.values]
            # A column that params give another meaning is not this one as well.
            there = [n for n in there if self._columns.get(ours) == n
                     or n not in self._columns.values()]  # fmt: skip
            if len(there) > 1:
                raise InputError(
                    f"{row.place}: expected one column for {ours}, got {there}; say in "
                    f"params.yaml which: corpora.<name>.columns: {{{ours}: {there[0]}}}"
                )
            if there:
                found[ours] = there[0]
            elif ours in needed or (ours in self._columns and row.place != row.file):
                # Where no table says anything of a file, its place is the file itself.
                raise InputError(
                    f"{row.place}: {' or '.join(wanted)}: no such key, there are "
                    f"{list(row.values)!r:.200}"
                )
        return found

    def _attributes(self, row: Row, names: dict[str, str], file: str) -> dict[str, str]:
        used = set(names.values()) - {names.get("split")}
        attributes = {
            key: written(value)
            for key, value in row.values.items()
            if key not in used and value is not None and value != ""
        }
        subset = attributes.pop(names["split"], None) if "split" in names else None
        return attributes | subset_attributes(
            subset or split_of_path(file) or split_of_path(row.file) or stem_split(row.file)
        )


def stem_split(file: str) -> str | None:
    """The split that a table is called by: ``train.jsonl``, ``test-00000-of-00001.parquet``."""
    return given_split(file.rpartition("/")[2].partition(".")[0])


def subset_attributes(subset: str | None) -> dict[str, str]:
    """A corpus's own subset as attributes: ``split`` if it is train, dev or test by its name."""
    if not subset:
        return {}
    split = given_split(subset)
    named = {} if split == subset else {"subset": subset}
    return named | ({"split": split} if split else {})


def text_value(row: Row, key: str) -> str | None:
    """A transcript, None for null.

    Raises:
        InputError: if it is there and no text.
    """
    value = row.values[key]
    if value is not None and not isinstance(value, str):
        raise InputError(f"{row.place}: {key}: expected text, got {value!r:.80}")
    return value


def id_value(row: Row, key: str | None) -> str | None:
    """A name or whole number as text; None where the row has none, or an empty one.

    Raises:
        InputError: if it is anything else.
    """
    value = row.values.get(key) if key is not None else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{row.place}: {key}: expected a name or number, got {value!r:.80}")
    return str(value).strip() or None


def language_value(row: Row, key: str | None) -> str | None:
    """An ISO 639 code; of ``hr-HR`` the first part."""
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
    # int before float: 10 ** 400 is a number in JSON, and no float.
    if not 0 <= value <= 1e9 or not math.isfinite(value):
        raise InputError(f"{row.place}: {key}: expected seconds, 0 or more, got {value!r:.80}")
    return float(value)


def written(value: Any) -> str:
    """A value of any kind as an attribute: text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def path_value(row: Row, key: str) -> str:
    """A path, or what claims to be one.

    Raises:
        InputError: if it is empty or no text.
    """
    value = row.values[key]
    if not isinstance(value, str) or not value:
        raise InputError(f"{row.place}: {key}: expected a path, got {value!r:.80}")
    return value
