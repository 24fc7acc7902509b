"""Decoding role: greedy or beam search in torch."""

from pathlib import Path

from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import ComputedSeconds
from asr.devices.params import MachineParams
from asr.families.protocols import Engine
from asr.families.speech_llm.decoding.params import SpeechLlmDecodeParams as OwnParams
from asr.families.speech_llm.tokens.description import read_joint
from asr.families.speech_llm.window import context_s

__all__ = ["OwnParams", "computed_seconds", "open_engine"]


def computed_seconds(model: Path, own: OwnParams) -> ComputedSeconds:
    """Seconds to compute: the clip plus the model's margin, and no second try with another."""
    margin_s = read_joint(model).margin_s
    return ComputedSeconds(lambda duration_s: context_s(duration_s, margin_s))


def open_engine(
    model: Path, machine: MachineParams, decode: DecodeParams, own: OwnParams
) -> Engine:
    """Load a model folder on ``machine.device``.

    Raises:
        InputError: if the device is missing, torch lacks the precision, or the folder holds no
            model of the family.
    """
    from asr.devices.device import use_machine
    from asr.families.speech_llm.decoding.engine import TorchEngine

    return TorchEngine(model, use_machine(machine), decode, own)
