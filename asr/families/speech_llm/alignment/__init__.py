"""Alignment role of speech_llm: word times from the language model's attention to the clip."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.alignment.params import AlignParams
from asr.devices.params import MachineParams

if TYPE_CHECKING:
    from asr.families.speech_llm.alignment.aligner import SpeechLlmAligner

__all__ = ["open_aligner"]


def open_aligner(model: Path, machine: MachineParams, align: AlignParams) -> "SpeechLlmAligner":
    """Load a model folder on ``machine.device``.

    Raises:
        InputError: if the device is missing, or the folder holds no model of the family.
    """
    from asr.devices.device import use_machine
    from asr.families.speech_llm.alignment.aligner import SpeechLlmAligner

    return SpeechLlmAligner(model, use_machine(machine), align)
