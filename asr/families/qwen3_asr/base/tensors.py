"""Read the weights of a folder, whole or in shards; from safetensors alone."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from asr.core.errors import InputError
from asr.core.files import read_json

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder, by name.

    Raises:
        InputError: if a file is missing or cut off, or the weights are pickles.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name in _files(folder):
        path = folder / name
        try:
            tensors |= load_file(path)
        except FileNotFoundError as error:
            raise InputError(
                f"{path}: expected this part of the weights, which {INDEX} lists, got none: "
                "download the rest"
            ) from error
        except SafetensorError as error:
            raise InputError(
                f"{path}: expected whole weights, got {path.stat().st_size:,} bytes that are cut "
                f"off or damaged ({error}): download them again"
            ) from error
    return tensors


def _files(folder: Path) -> list[str]:
    if (folder / INDEX).is_file():
        listed = read_json(folder / INDEX)
        if not isinstance(listed, dict) or not isinstance(listed.get("weight_map"), dict):
            raise InputError(f"{folder / INDEX}: expected a weight_map, got {listed!r:.80}")
        names = sorted(set(listed["weight_map"].values()))
        if strange := [name for name in names if Path(name).name != name]:
            raise InputError(f"{folder / INDEX}: expected files beside it, got {strange[0]!r}")
        return names
    if (folder / WHOLE).is_file():
        return [WHOLE]
    there = sorted(path.name for path in folder.iterdir())
    if any(name.endswith((".bin", ".pt", ".pth", ".ckpt")) for name in there):
        raise InputError(
            f"{folder}: expected {WHOLE}, got pickles, which can run any code: {there}; "
            "take a folder with safetensors"
        )
    raise InputError(f"{folder}: expected {WHOLE} or {INDEX}, got {there}")
