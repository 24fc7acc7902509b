"""Decoding role: the likeliest path, with the encoder in torch or in CTranslate2."""

from pathlib import Path

from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import ComputedSeconds
from asr.devices.params import MachineParams
from asr.families.ctc.decoding.params import CtcDecodeParams as OwnParams
from asr.families.ctc.tokens.description import read_description
from asr.families.ctc.window import computed_s
from asr.families.protocols import Engine

__all__ = ["OwnParams", "computed_seconds", "open_engine"]


def computed_seconds(model: Path, own: OwnParams) -> ComputedSeconds:
    """Seconds to compute; CTC can't run away, so there is no second try."""
    margin_s = read_description(model).margin_s
    return ComputedSeconds(lambda duration_s: computed_s(duration_s, margin_s))


def open_engine(
    model: Path, machine: MachineParams, decode: DecodeParams, own: OwnParams
) -> Engine:
    """Load a model folder with ``ctc.decode.engine`` on ``machine.device``.

    Raises:
        InputError: if the device is missing, the engine can't use it or the model, or the folder
            holds no model of the family.
    """
    from asr.families.ctc.decoding.engine import chosen_engine

    return chosen_engine(model, machine, decode, own)
