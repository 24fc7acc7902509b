"""Decoding role of Qwen3-ASR: an engine in torch."""

from pathlib import Path

from asr.decoding.detection import Detector
from asr.decoding.params import DecodeParams, torch_precision
from asr.decoding.transcribe import ComputedSeconds
from asr.devices.params import MachineParams
from asr.families.protocols import Engine
from asr.families.qwen3_asr.decoding.params import Qwen3AsrDecodeParams as OwnParams
from asr.families.qwen3_asr.window import computed_seconds as whole_seconds

__all__ = ["OwnParams", "computed_seconds", "open_detector", "open_engine"]


def computed_seconds(model: Path, own: OwnParams) -> ComputedSeconds:
    """Whole seconds; more context changes nothing, so no clip is decoded again with more."""
    return ComputedSeconds(whole_seconds)


def open_engine(
    model: Path, machine: MachineParams, decode: DecodeParams, own: OwnParams
) -> Engine:
    """Load a transformers folder on ``machine.device``.

    Raises:
        InputError: if the device is missing, the engine lacks the precision, or the folder holds
            no model.
    """
    from asr.devices.device import use_machine
    from asr.families.qwen3_asr.decoding.engine import TorchEngine

    return TorchEngine(model, use_machine(machine), decode, own)


def open_detector(
    model: Path, machine: MachineParams, decode: DecodeParams, own: OwnParams
) -> Detector:
    """Load a transformers folder to read which language the model names.

    Raises:
        InputError: as ``open_engine``.
    """
    from asr.devices.device import use_machine
    from asr.families.qwen3_asr.decoding.detection import Qwen3AsrDetector

    return Qwen3AsrDetector(model, use_machine(machine), torch_precision(decode))
