"""Load a network from a folder as transformers writes it, whole or not at all; check one to save.

transformers takes a damaged file for one that is missing, and fills parameters that are missing
with random numbers; it only warns.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers.utils import logging

from asr.core.errors import InputError
from asr.core.files import read_json


def check_folder(folder: Path, model_types: Collection[str]) -> None:
    """Check a folder's config and the presence of its weights.

    Raises:
        InputError: if it has no config, another type of model, pickles in place of safetensors, or
            only some of the files that its index lists.
    """
    path = folder / "config.json"
    there = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
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


def load_whole(
    model_class: Any,
    folder: Path,
    model_types: Collection[str],
    dtype: torch.dtype = torch.float32,
) -> Any:
    """Load a network, in evaluation mode; see ``check_folder``.

    Args:
        model_class: with transformers' ``from_pretrained``.
        folder: with config.json and weights as safetensors.
        model_types: those that the family takes, as in config.json.
        dtype: to cast a loaded network would also round its rotary positions.

    Raises:
        InputError: see ``check_folder``; or if a weight is missing, unknown, damaged, of another
            shape, or not finite.
    """
    check_folder(folder, model_types)
    return load_checked(model_class, folder, dtype=dtype, use_safetensors=True)


def load_checked(
    model_class: Any, folder: Path, dtype: torch.dtype = torch.float32, **options: Any
) -> Any:
    """Load a network, if it has every parameter once.

    Args:
        model_class: see ``load_whole``.
        folder: see ``load_whole``.
        dtype: see ``load_whole``.
        options: of ``from_pretrained``.

    Raises:
        InputError: see ``load_whole``.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        network, loading = model_class.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # else its error names no parameter; ours does
            **options,
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder}: transformers can't load it: {error}") from error
    check_loading(folder, loading)
    return network


def check_loading(folder: Path, loading: Mapping[str, Any]) -> None:
    """Check transformers' loading info.

    Raises:
        InputError: if a parameter is missing, unknown or of another shape; names it.
    """
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if names := sorted(map(str, loading[fault])):
            raise InputError(f"{folder}: expected every parameter once, got {fault} {names}")


def check_finite(network: nn.Module, out: Path) -> None:
    """Check the weights of a network that is about to be saved in ``out``.

    Raises:
        InputError: if a weight is not finite; names it.
    """
    for name, weight in network.state_dict().items():
        if not weight.isfinite().all():
            count = int((~weight.isfinite()).sum())
            raise InputError(
                f"{out}: {name}: expected finite weights, got {count} of {weight.numel()} that are "
                "infinite or no number"
            )


def _value(path: Path, key: str) -> Any:
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object, got {content!r:.80}")
    return content.get(key)


def _either(names: Collection[str]) -> str:
    return " or ".join(repr(name) for name in sorted(names))
