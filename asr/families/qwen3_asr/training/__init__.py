"""Training role of Qwen3-ASR: trainable weights, batch and loss."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.families.qwen3_asr.training.params import Qwen3AsrTrainParams as OwnParams
from asr.families.qwen3_asr.training.params import faults, groups
from asr.training.params import TrainParams

if TYPE_CHECKING:
    import torch

    from asr.families.qwen3_asr.training.trainee import Qwen3AsrTrainee

__all__ = ["OwnParams", "faults", "groups", "open_trainee"]


def open_trainee(
    base: Path, device: "torch.device", train: TrainParams, own: OwnParams
) -> "Qwen3AsrTrainee":
    """Load a transformers folder and mark the weights to train.

    Raises:
        InputError: if the folder holds no Qwen3-ASR.
    """
    from asr.families.qwen3_asr.training.trainee import Qwen3AsrTrainee

    return Qwen3AsrTrainee(base, device, train, own)
