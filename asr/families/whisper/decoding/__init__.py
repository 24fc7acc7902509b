"""Decoding role of Whisper: engines in torch and CTranslate2."""

from pathlib import Path

from asr.decoding.detection import Detector
from asr.decoding.params import DecodeParams, torch_precision
from asr.decoding.transcribe import ComputedSeconds
from asr.devices.params import MachineParams
from asr.families.protocols import Engine
from asr.families.whisper.decoding.params import WhisperDecodeParams as OwnParams
from asr.families.whisper.window import MAX_DURATION_S, context_s, read_margin

__all__ = ["OwnParams", "computed_seconds", "open_detector", "open_engine"]


def computed_seconds(model: Path, own: OwnParams) -> ComputedSeconds:
    """Seconds to compute: the clip plus the margin of training, or 30 s with ``context: full``.

    With a short context a model sometimes loops. A hypothesis that ran away is decoded again with
    ``fallback_margin_s`` if that is longer.
    """
    if own.context == "full":
        return ComputedSeconds(lambda duration_s: MAX_DURATION_S)
    margin_s = read_margin(model, own.fallback_margin_s)
    again = None
    if margin_s < own.fallback_margin_s:
        again = lambda duration_s: context_s(duration_s, own.fallback_margin_s)  # noqa: E731
    return ComputedSeconds(lambda duration_s: context_s(duration_s, margin_s), again)


def open_engine(
    model: Path, machine: MachineParams, decode: DecodeParams, own: OwnParams
) -> Engine:
    """Load a transformers folder with ``whisper.decode.engine`` on ``machine.device``.

    Raises:
        InputError: if the device is missing, the engine can't use it, or the folder holds no
            model.
    """
    from asr.families.whisper.decoding.engine import chosen_engine

    return chosen_engine(model, machine, decode, own)


def open_detector(
    model: Path, machine: MachineParams, decode: DecodeParams, own: OwnParams
) -> Detector:
    """Load a transformers folder to detect languages and to write timestamps, in torch.

    CTranslate2 forces timestamps into an order, and so would hide that a model has lost them.

    Raises:
        InputError: if the device is missing, or the folder holds no model.
    """
    from asr.devices.device import use_machine
    from asr.families.whisper.decoding.detection import WhisperDetector

    device = use_machine(machine)
    precise = decode if device.type != "cpu" else decode.model_copy(update={"precision": "float32"})
    return WhisperDetector(model, device, torch_precision(precise))
