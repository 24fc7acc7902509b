"""Settings that no transcript shows: which heads of attention give word times."""

from pathlib import Path
from typing import Any

from asr.core.files import read_json
from asr.families.whisper.tokens.description import read_description


def of_transformers(model: Path, folder: Path) -> list[str]:
    """Compare the heads, and the lists of suppressed tokens, of a model and its export."""
    ours, theirs = read_description(model), read_description(folder)
    keys = ("alignment_heads", "suppress_tokens", "begin_suppress_tokens", "lang_to_id")
    return [
        f"generation_config.json: {key}: expected {_short(getattr(ours, key))}, got "
        f"{_short(getattr(theirs, key))}"
        for key in keys
        if getattr(ours, key) != getattr(theirs, key)
    ]


def of_ctranslate2(model: Path, folder: Path) -> list[str]:
    """Compare the same with ``config.json``, which has them by other names."""
    ours, theirs = read_description(model), read_json(folder / "config.json")
    expected: dict[str, Any] = {
        "alignment_heads": ours.alignment_heads and [list(one) for one in ours.alignment_heads],
        "suppress_ids": list(ours.suppress_tokens or ()),
        "suppress_ids_begin": list(ours.begin_suppress_tokens or ()),
        "lang_ids": sorted(set(ours.lang_to_id.values())),
    }
    if expected["alignment_heads"] is None:  # the converter then takes heads by default
        del expected["alignment_heads"]
    return [
        f"config.json: {key}: expected {_short(value)}, got {_short(theirs.get(key))}"
        for key, value in expected.items()
        if value != theirs.get(key)
    ]


def _short(value: object) -> str:
    return f"{value!r:.60}"
