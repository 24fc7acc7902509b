"""Training role: the projector learns, and as much of the language model as ``train.tune`` says."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.families.speech_llm.training.params import SpeechLlmTrainParams as OwnParams
from asr.families.speech_llm.training.params import faults, groups
from asr.training.params import TrainParams

if TYPE_CHECKING:
    import torch

    from asr.families.speech_llm.training.trainee import SpeechLlmTrainee

__all__ = ["OwnParams", "faults", "groups", "open_trainee"]


def open_trainee(
    base: Path, device: "torch.device", train: TrainParams, own: OwnParams
) -> "SpeechLlmTrainee":
    """Load a model folder and mark the weights to train.

    Raises:
        InputError: if the folder holds no model of the family.
    """
    from asr.families.speech_llm.training.trainee import SpeechLlmTrainee

    return SpeechLlmTrainee(base, device, train, own)
