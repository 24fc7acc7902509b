"""Training role: trainable weights, batch, loss, and the vocabulary from train's transcripts."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.families.ctc.training.params import CtcTrainParams as OwnParams
from asr.families.ctc.training.params import faults, groups
from asr.training.params import TrainParams

if TYPE_CHECKING:
    import torch

    from asr.families.ctc.training.trainee import CtcTrainee

__all__ = ["OwnParams", "faults", "groups", "open_trainee"]


def open_trainee(
    base: Path, device: "torch.device", train: TrainParams, own: OwnParams
) -> "CtcTrainee":
    """Load a model folder and mark the weights to train.

    Raises:
        InputError: if the folder holds no model of the family.
    """
    from asr.families.ctc.training.trainee import CtcTrainee

    return CtcTrainee(base, device, train, own)
