"""Checkpoints of training: written atomically, verified by hash; the last two are kept."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from asr.core.errors import InputError
from asr.core.files import atomic_file, atomic_folder, read_json, sha256_of, write_json
from asr.training.state.scratch import checkpoints

MAX_CHECKPOINTS = 2  # the previous one is a fallback if the last is damaged
TENSORS = "state.safetensors"
STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """All that a resume needs.

    Attributes:
        step: number of steps done.
        tensors: trainable weights, their averages and the optimizer's moments, by name.
        state: everything else, as JSON.
    """

    step: int
    tensors: dict[str, torch.Tensor]
    state: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> tuple[Path, str]:
    """Write a checkpoint atomically, then remove all but the last two.

    Returns:
        The file of its tensors, and that file's SHA-256.
    """
    path = folder / f"step-{checkpoint.step:08d}"
    with atomic_folder(path) as partial:
        save_file(checkpoint.tensors, partial / TENSORS)
        sha256 = sha256_of(partial / TENSORS)
        state = {"step": checkpoint.step, "sha256": sha256, "state": checkpoint.state}
        write_json(partial / STATE, state)
    for old in checkpoints(folder)[:-MAX_CHECKPOINTS]:
        shutil.rmtree(old)
    return path / TENSORS, sha256


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Load the newest undamaged checkpoint, or return None.

    A checkpoint with a wrong hash is reported and removed: to resume from the previous one costs
    minutes of training.
    """
    for path in reversed(checkpoints(folder)):
        try:
            state = read_json(path / STATE)
            if (got := sha256_of(path / TENSORS)) != state["sha256"]:
                raise InputError(f"{path / TENSORS}: expected SHA-256 {state['sha256']}, got {got}")
        except (InputError, OSError, KeyError) as error:
            tqdm.write(f"checkpoint skipped: {error}")
            shutil.rmtree(path)  # else save_checkpoint would count it as one of the last two
            continue
        return Checkpoint(state["step"], load_file(path / TENSORS), state["state"])
    return None


def checkpoint_states(folder: Path) -> list[dict[str, Any]]:
    """``state`` of every checkpoint in the folder, oldest first."""
    return [read_json(path / STATE)["state"] for path in checkpoints(folder)]


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write weights atomically as safetensors."""
    with atomic_file(path) as partial:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
