"""Alignment role of Whisper: word times from its decoder's attention."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.alignment.params import AlignParams
from asr.devices.params import MachineParams

if TYPE_CHECKING:
    from asr.families.whisper.alignment.aligner import WhisperAligner

__all__ = ["open_aligner"]


def open_aligner(model: Path, machine: MachineParams, align: AlignParams) -> "WhisperAligner":
    """Load a transformers folder on ``machine.device``.

    Raises:
        InputError: if the device is missing, or the folder holds no Whisper model.
    """
    from asr.devices.device import use_machine
    from asr.families.whisper.alignment.aligner import WhisperAligner

    return WhisperAligner(model, use_machine(machine), align)
