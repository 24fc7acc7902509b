"""Values of a table's row: read by column, checked, and refused with file, line and key."""

import json
import math
import re
from typing import Any

from asr.core.errors import InputError
from asr.corpora.languages import language_code
from asr.corpora.tables import Row


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
