"""Losses, gradients and weights that are not finite: infinite, or no number."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from asr.core.errors import InputError
from asr.training.plan import TrainingBatch
from asr.training.state.log import CurveRow
from asr.training.state.scratch import checkpoints


def is_finite(loss: float, grad_norm: float) -> bool:
    """Whether a step with this loss and gradient norm updates the weights."""
    return math.isfinite(loss) and math.isfinite(grad_norm)


def fault_of_step(
    step: int, point: CurveRow, batches: Sequence[TrainingBatch], num_train: int
) -> str:
    """Describe a step that is not finite, with the lines of its clips in the manifests.

    The clips after the first ``num_train`` are those of the replay manifest.
    """
    lines = sorted(p.index + 1 for b in batches for e in b.examples for p in e.pieces)
    replayed = [line - num_train for line in lines if line > num_train]
    return (
        f"step {step}: loss {point['loss']:.3g}, gradient norm {point['grad_norm']:.3g} on lines "
        f"{[line for line in lines if line <= num_train]} of the train manifest"
        f"{f' and {replayed} of the replay manifest' if replayed else ''}: not finite"
    )


def last_of_many(fault: str, max_skipped_steps: int, scratch: Path) -> str:
    """The error after ``train.max_skipped_steps`` in a row; ``scratch`` has the checkpoints."""
    saved = [path.name for path in checkpoints(scratch)]
    kept = f"the checkpoint {saved[-1]} stays" if saved else "there is no checkpoint yet"
    return (
        f"{fault}, the last of train.max_skipped_steps {max_skipped_steps} in a row; {kept}; "
        "lower train.lr, or look at these clips"
    )


def check_finite(tensors: Mapping[str, torch.Tensor], step: int) -> None:
    """Check tensors that are about to be saved.

    Raises:
        InputError: if one is not finite; names it.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise InputError(
                f"step {step}: {name}: expected finite numbers to save, got others; the last "
                "checkpoint stays; lower train.lr"
            )
