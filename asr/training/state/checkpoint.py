"""Training state that outlives a killed process, kept outside of what DVC owns.

DVC empties a stage's outs before it runs, and an out that persists would let one experiment resume
from another's weights. So the state lies in ``.dvc/tmp/scratch``, under a key made of everything
that determines the run: params, data, code and base weights. Change any of them and training starts
afresh; kill it and the same command goes on where the last checkpoint was.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of, whole_file, whole_folder, write_json
from asr.core.locks import LOCK, alone, dvc_tmp

KEPT = 2  # the last is used; the one before is there if the last can't be read
TENSORS = "state.safetensors"
STATE = "state.json"


@contextmanager
def scratch_folder(stage: str, key: str, *, owned: bool = True) -> Iterator[Path]:
    """The folder for a run's state, held by this process alone, removed when the block succeeds.

    One of several processes holds the folder for all; ``owned`` is false for the others.

    Raises:
        InputError: if another process holds it: a killed ``dvc`` leaves its stage running.
    """
    folder = dvc_tmp() / "scratch" / f"{stage}-{key}"
    if not owned:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with alone(folder) as held:
        if not held:
            raise InputError(f"{folder}: another process is running this very {stage}")
        for partial in folder.glob(".*.partial"):
            # Who was killed while it wrote left it: a checkpoint is three times the model.
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
        yield folder
        shutil.rmtree(folder)


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


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole, then drop all but the last two."""
    with whole_folder(folder / f"step-{checkpoint.step:08d}") as beside:
        save_file(checkpoint.tensors, beside / TENSORS)
        state = {
            "step": checkpoint.step,
            "sha256": sha256_of(beside / TENSORS),
            "state": checkpoint.state,
        }
        write_json(beside / STATE, state)
    for old in _checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that can be read whole, or None.

    One whose hash is wrong is passed over with a word about it: the one before costs minutes, a
    run from damaged weights costs trust.
    """
    for path in reversed(_checkpoints(folder)):
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


def newest_step(folder: Path) -> int:
    """Of the checkpoints that are there; -1 if there is none."""
    checkpoints = _checkpoints(folder)
    return int(checkpoints[-1].name.removeprefix("step-")) if checkpoints else -1


def state_files(folder: Path, step: int) -> list[Path]:
    """All that a resume after ``step`` needs: that checkpoint, and the files beside it."""
    beside = [path for path in folder.glob("[!.]*") if path.is_file() and path.name != LOCK]
    return sorted([*beside, *(folder / f"step-{step:08d}").iterdir()])


def kept_states(folder: Path) -> list[dict[str, Any]]:
    """The ``state`` of every checkpoint that is there, oldest first."""
    return [read_json(path / STATE)["state"] for path in _checkpoints(folder)]


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write weights whole."""
    with whole_file(path) as beside:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, beside)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))
