"""Training state that outlives a killed process, kept outside of what DVC owns.

DVC empties a stage's outs before it runs, and an out that persists would let one experiment resume
from another's weights. So the state lies in ``.dvc/tmp/scratch``, under a key made of everything
that determines the run: params, data, code and base weights. Change any of them and training starts
afresh; kill it and the same command goes on where the last checkpoint was.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.core.errors import InputError
from asr.core.locks import LOCK, dvc_tmp, lock_folder


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
    # A process that lists the states locks each for an instant, a run its own for hours.
    with lock_folder(folder, timeout_s=1.0) as held:
        if not held:
            raise InputError(f"{folder}: another process is running this very {stage}")
        for partial in folder.glob(".*.partial"):
            # A run that was killed while it wrote left it: a checkpoint is three times the model.
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
        yield folder
        remove_state(folder)


def remove_state(folder: Path) -> None:
    """Remove a folder that this process holds; another process sees all of it or none."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    folder.rename(beside)
    shutil.rmtree(beside, ignore_errors=True)  # what stays is rubbish, and no reason to fail


def checkpoints(folder: Path) -> list[Path]:
    """Of one run, oldest first."""
    return sorted(folder.glob("step-*"))


def newest_step(folder: Path) -> int:
    """Of the checkpoints that are there; -1 if there is none."""
    found = checkpoints(folder)
    return int(found[-1].name.removeprefix("step-")) if found else -1


def state_files(folder: Path, step: int) -> list[Path]:
    """All that a resume after ``step`` needs: that checkpoint, and the files beside it."""
    beside = [path for path in folder.glob("[!.]*") if path.is_file() and path.name != LOCK]
    return sorted([*beside, *(folder / f"step-{step:08d}").iterdir()])
