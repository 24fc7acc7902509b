"""Checkpoints of training: written whole, checked by their hash, the last two kept."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of, whole_file, whole_folder, write_json
from asr.training.state.scratch import checkpoints

KEPT = 2  # the last is used; the one before is there if the last can't be read
TENSORS = "state.safetensors"
STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """All that a resume needs.

    Attributes:
        step: steps done.
        tensors: trainable weights and the optimizer's moments, by name.
        state: everything else, as JSON.
    """

    step: int
    tensors: dict[str, torch.Tensor]
    state: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> tuple[Path, str]:
    """Write a checkpoint whole, then drop all but the last two.

    Returns:
        The file of its tensors, and that file's SHA-256.
    """
    path = folder / f"step-{checkpoint.step:08d}"
    with whole_folder(path) as beside:
        save_file(checkpoint.tensors, beside / TENSORS)
        sha256 = sha256_of(beside / TENSORS)
        state = {"step": checkpoint.step, "sha256": sha256, "state": checkpoint.state}
        write_json(beside / STATE, state)
    for old in checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old)
    return path / TENSORS, sha256


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that can be read whole, or None.

    One whose hash is wrong is passed over with a word about it: the one before costs minutes, a
    run from damaged weights costs trust.
    """
    for path in reversed(checkpoints(folder)):
        try:
            state = read_json(path / STATE)
            if (got := sha256_of(path / TENSORS)) != state["sha256"]:
                raise InputError(f"{path / TENSORS}: expected {state['sha256']}, got {got}")
        except (InputError, OSError, KeyError) as error:
            tqdm.write(f"checkpoint passed over: {error}")
            shutil.rmtree(path)  # or the next save would count it among the two that it keeps
            continue
        return Checkpoint(state["step"], load_file(path / TENSORS), state["state"])
    return None


def kept_states(folder: Path) -> list[dict[str, Any]]:
    """The ``state`` of every checkpoint that is there, oldest first."""
    return [read_json(path / STATE)["state"] for path in checkpoints(folder)]


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write weights whole."""
    with whole_file(path) as beside:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, beside)
