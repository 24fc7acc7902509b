"""How a Whisper learns: its batch, its loss, what of it is trained."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.families.whisper.training.params import WhisperTrainParams as OwnParams
from asr.families.whisper.training.params import faults
from asr.training.params import TrainParams

if TYPE_CHECKING:
    import torch

    from asr.families.whisper.training.trainee import WhisperTrainee

__all__ = ["OwnParams", "faults", "open_trainee"]


def open_trainee(
    base: Path, device: "torch.device", train: TrainParams, own: OwnParams
) -> "WhisperTrainee":
    """Load a plain transformers folder and choose what learns.

    Raises:
        InputError: if the folder holds no Whisper model.
    """
    from asr.families.whisper.training.trainee import WhisperTrainee

    return WhisperTrainee(base, device, train, own)
