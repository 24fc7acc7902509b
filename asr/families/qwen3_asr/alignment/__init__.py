"""Alignment role of Qwen3-ASR: word times from the language model's attention to the clip."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.alignment.params import AlignParams
from asr.devices.params import MachineParams

if TYPE_CHECKING:
    from asr.families.qwen3_asr.alignment.aligner import Qwen3AsrAligner

__all__ = ["open_aligner"]


def open_aligner(model: Path, machine: MachineParams, align: AlignParams) -> "Qwen3AsrAligner":
    """Load a transformers folder on ``machine.device``.

    Raises:
        InputError: if the device is missing, or the folder holds no Qwen3-ASR.
    """
    from asr.devices.device import use_machine
    from asr.families.qwen3_asr.alignment.aligner import Qwen3AsrAligner

    return Qwen3AsrAligner(model, use_machine(machine), align)
