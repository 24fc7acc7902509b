"""Training role of Whisper: trainable weights, batch and loss."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.families.whisper.training.params import WhisperTrainParams as OwnParams
from asr.families.whisper.training.params import faults, groups
from asr.training.params import TrainParams

if TYPE_CHECKING:
    import torch

    from asr.families.whisper.training.trainee import WhisperTrainee

__all__ = ["OwnParams", "faults", "groups", "open_trainee"]


def open_trainee(
    base: Path, device: "torch.device", train: TrainParams, own: OwnParams
) -> "WhisperTrainee":
    """Load a transformers folder and mark the weights to train.

    Raises:
        InputError: if the folder holds no Whisper model.
    """
    from asr.families.whisper.training.trainee import WhisperTrainee

    return WhisperTrainee(base, device, train, own)
