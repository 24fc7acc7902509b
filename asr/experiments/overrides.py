"""Values of params.yaml by dotted key, as ``dvc exp run -S`` takes them."""

import tempfile
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.params import PARAMS, load_params
from asr.training.params import TrainParams


def value_at(content: Any, key: str) -> Any:
    """The value of a dotted key.

    Raises:
        InputError: if there is none.
    """
    for part in key.split("."):
        if not isinstance(content, dict) or part not in content:
            raise InputError(f"{PARAMS}: no value {key}; expected a key such as train.lr")
        content = content[part]
    return content


def overrides_as_words(overrides: dict[str, Any]) -> list[str]:
    """What ``dvc exp run -S`` takes, one word a key."""
    return [f"{key}={in_hydra(value)}" for key, value in overrides.items()]


def in_hydra(value: Any) -> str:
    """A value as ``-S`` reads it: no quotes around the keys of a mapping."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {in_hydra(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_hydra, value)) + "]"
    return "null" if value is None else str(value)


def check_overrides(overrides: dict[str, Any]) -> None:
    """Whether params.yaml is still valid with these values.

    Raises:
        InputError: if not.
    """
    from dvc.utils.hydra import apply_overrides

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, PARAMS.name)
        path.write_bytes(PARAMS.read_bytes())
        Path(folder, "conf").symlink_to(Path("conf").resolve())
        apply_overrides(path, overrides_as_words(overrides))
        try:
            load_params("train", TrainParams, path)
        except InputError as error:
            raise InputError(str(error).replace(f"{path}: ", "")) from error
