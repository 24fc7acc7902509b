"""State of a training run, stored outside DVC's outs so that a killed run can resume.

DVC empties a stage's outs before it runs, and with ``persist: true`` one experiment could resume
from another's weights. So the state is in ``.dvc/tmp/scratch``, under a hash of everything that
determines the run: params, data, code and base weights. If any of them changes, training starts
afresh. After a kill, the same command resumes from the last checkpoint.
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
    """Yield the locked folder of a run's state; it is removed if the block succeeds.

    Of several processes only the first locks the folder; ``owned`` is false for the others.

    Raises:
        InputError: if another run locks it, such as a stage that outlived a killed ``dvc``.
    """
    folder = dvc_tmp() / "scratch" / f"{stage}-{key}"
    if not owned:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    # Wait 1 s: commands that list states lock each for an instant, a run locks its own for hours.
    with lock_folder(folder, timeout_s=1.0) as held:
        if not held:
            raise InputError(f"{folder}: locked by another process that runs the same {stage}")
        for partial in folder.glob(".*.partial"):
            # Left by a run that was killed while writing; a checkpoint is three times the model.
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
        yield folder
        remove_state(folder)


def remove_state(folder: Path) -> None:
    """Remove a folder that this process has locked; by a rename, so that none sees half of it."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    folder.rename(partial)
    shutil.rmtree(partial, ignore_errors=True)  # leftover files must not fail the run


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders of one run, oldest first."""
    return sorted(folder.glob("step-*"))


def checkpoint_folder(folder: Path, step: int) -> Path:
    """Folder of the checkpoint after a step."""
    return folder / f"step-{step:08d}"


def newest_step(folder: Path) -> int:
    """Step of the newest checkpoint; -1 if there is none."""
    found = checkpoints(folder)
    return int(found[-1].name.removeprefix("step-")) if found else -1


def state_files(folder: Path, step: int) -> list[Path]:
    """Files that a resume after ``step`` needs: its checkpoint, and the files beside it."""
    others = [path for path in folder.glob("[!.]*") if path.is_file() and path.name != LOCK]
    return sorted([*others, *checkpoint_folder(folder, step).iterdir()])
