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
        files: SHA-256 by name of the files beside the checkpoint that it refers to.
    """

    step: int
    tensors: dict[str, torch.Tensor]
    state: dict[str, Any]
    files: dict[str, str]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> tuple[Path, str]:
    """Write a checkpoint atomically, then remove all but the last two.

    Returns:
        The file of its tensors, and that file's SHA-256.
    """
    path = folder / f"step-{checkpoint.step:08d}"
    with atomic_folder(path) as partial:
        save_file(checkpoint.tensors, partial / TENSORS)
        sha256 = sha256_of(partial / TENSORS)
        write_json(
            partial / STATE,
            {
                "step": checkpoint.step,
                "sha256": sha256,
                "state": checkpoint.state,
                "files": checkpoint.files,
            },
        )
    for old in checkpoints(folder)[:-MAX_CHECKPOINTS]:
        shutil.rmtree(old)
    return path / TENSORS, sha256


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Load the newest undamaged checkpoint, or return None.

    A checkpoint is reported and removed if its tensors or a file that it refers to have a wrong
    hash or are missing: to resume from the previous one costs minutes of training.

    Raises:
        InputError: if one can't be read now, as on a volume that is away; it stays.
    """
    for path in reversed(checkpoints(folder)):
        try:
            state = read_json(path / STATE)
            check_sha256(path / TENSORS, state["sha256"])
            for name, sha256 in state["files"].items():
                check_sha256(folder / name, sha256)
        except (InputError, FileNotFoundError, KeyError) as error:
            tqdm.write(f"checkpoint skipped: {error}")
            shutil.rmtree(path)  # else save_checkpoint would count it as one of the last two
            continue
        except OSError as error:
            raise InputError(f"{path}: expected a readable checkpoint, got {error}") from error
        tensors = load_file(path / TENSORS)
        return Checkpoint(state["step"], tensors, state["state"], state["files"])
    return None


def check_sha256(path: Path, expected: str) -> None:
    """Verify a file.

    Raises:
        InputError: if it has another hash.
        OSError: if it is missing.
    """
    if (got := sha256_of(path)) != expected:
        raise InputError(f"{path}: expected SHA-256 {expected}, got {got}")


def files_in_use(folder: Path) -> set[Path]:
    """The files beside the checkpoints that one of them refers to."""
    return {
        folder / name for path in checkpoints(folder) for name in read_json(path / STATE)["files"]
    }


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> str:
    """Write weights atomically as safetensors; return the file's SHA-256."""
    with atomic_file(path) as partial:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
        return sha256_of(partial)
