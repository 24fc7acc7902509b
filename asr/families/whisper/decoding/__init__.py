"""How a Whisper transcribes: what params choose, in torch or CTranslate2."""

from pathlib import Path

from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import ComputedSeconds
from asr.devices.params import MachineParams
from asr.families.protocols import Engine
from asr.families.whisper.decoding.params import WhisperDecodeParams as OwnParams
from asr.families.whisper.window import MAX_DURATION_S, context_s, read_margin

__all__ = ["OwnParams", "computed_seconds", "open_engine"]


def computed_seconds(model: Path, own: OwnParams) -> ComputedSeconds:
    """The clip and the margin that the model was trained to take.

    A short context makes a model loop now and then, so what ran away is decoded once more with
    ``fallback_margin_s``.
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
    """Load a plain transformers folder into ``whisper.decode.engine``, on the machine's device.

    Raises:
        InputError: if the device is not there, the engine can't use it, or the folder holds no
            model.
    """
    from asr.families.whisper.decoding.engine import chosen_engine

    return chosen_engine(model, machine, decode, own)
