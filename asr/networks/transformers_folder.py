"""Load a pretrained model from a folder as transformers writes it, whole or not at all.

transformers takes a damaged file for one that is missing, and fills parameters that are missing
with random numbers; it only warns.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import read_json


def check_folder(folder: Path, model_types: Collection[str]) -> None:
    """Check a folder's config and the presence of its weights.

    Raises:
        InputError: if it has no config, another type of model, pickles in place of safetensors, or
            only some of the files that its index lists.
    """
    path = folder / "config.json"
    there = sorted(file.name for file in folder.iterdir())
    if not path.is_file():
        raise InputError(f"{folder}: expected config.json, got {there}")
    for file in folder.glob("*.json"):
        read_json(file)  # names a damaged one
    if (kind := _value(path, "model_type")) not in model_types:
        raise InputError(f"{path}: model_type: expected {_either(model_types)}, got {kind!r}")
    index = folder / "model.safetensors.index.json"
    weight_map = _value(index, "weight_map") if index.is_file() else {}
    if not isinstance(weight_map, dict):
        raise InputError(f"{index}: weight_map: expected files by weight, got {weight_map!r:.80}")
    if missing := sorted(set(map(str, weight_map.values())) - set(there)):
        raise InputError(f"{folder}: expected the weights that the index lists, without {missing}")
    if not any(name.endswith(".safetensors") for name in there):
        raise InputError(
            f"{folder}: expected weights as .safetensors, got {there}; files that end in .bin or "
            ".pt are pickles, which can run any code"
        )


def load_whole(model_class: Any, folder: Path, model_types: Collection[str], **options: Any) -> Any:
    """Load a model in float32; see ``check_folder``.

    Args:
        model_class: with transformers' ``from_pretrained``.
        folder: with config.json and weights as safetensors.
        model_types: those that the family takes, as in config.json.
        options: of ``from_pretrained``.

    Raises:
        InputError: see ``check_folder``; or if a weight is missing, unknown, damaged, of another
            shape, or not finite.
    """
    check_folder(folder, model_types)
    return load_checked(model_class, folder, use_safetensors=True, **options)


def load_checked(model_class: Any, folder: Path, **options: Any) -> Any:
    """Load a model in float32, if it has every parameter once.

    Raises:
        InputError: see ``load_whole``.
    """
    import torch
    from safetensors import SafetensorError
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model, loading = model_class.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, local_files_only=True, **options
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder}: transformers can't load it: {error}") from error
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if names := sorted(map(str, loading[fault])):
            raise InputError(f"{folder}: expected every parameter once, got {fault} {names}")
    return model


def _value(path: Path, key: str) -> Any:
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object, got {content!r:.80}")
    return content.get(key)


def _either(names: Collection[str]) -> str:
    return " or ".join(repr(name) for name in sorted(names))
