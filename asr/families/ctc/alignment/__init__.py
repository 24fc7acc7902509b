"""Alignment role of CTC: word times from the probabilities of its labels."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.alignment.params import AlignParams
from asr.devices.params import MachineParams

if TYPE_CHECKING:
    from asr.families.ctc.alignment.aligner import CtcAligner

__all__ = ["open_aligner"]


def open_aligner(model: Path, machine: MachineParams, align: AlignParams) -> "CtcAligner":
    """Load a model folder on ``machine.device``.

    Raises:
        InputError: if the device is missing, or the folder holds no model of the family.
    """
    from asr.devices.device import use_machine
    from asr.families.ctc.alignment.aligner import CtcAligner

    return CtcAligner(model, use_machine(machine))
