"""Choose the engine by params; both give the same text for the same clips."""

from pathlib import Path

from asr.core.errors import InputError
from asr.decoding.params import DecodeParams
from asr.devices.device import device_name
from asr.devices.params import MachineParams
from asr.families.ctc.decoding.params import CtcDecodeParams
from asr.families.ctc.tokens.description import WHISPER, read_description
from asr.families.protocols import Engine


def chosen_engine(
    folder: Path, machine: MachineParams, params: DecodeParams, own: CtcDecodeParams
) -> Engine:
    """Load a model folder; only the chosen engine is imported.

    Raises:
        InputError: if the engine can't use the device or the model.
    """
    device, kind = device_name(machine), read_description(folder).kind
    fits = kind == WHISPER and device == "cpu"
    if own.engine == "torch" or (own.engine == "auto" and not fits):
        from asr.devices.device import use_machine
        from asr.families.ctc.decoding.torch_engine import TorchEngine

        return TorchEngine(folder, use_machine(machine), params)
    if not fits:
        raise InputError(
            f"ctc.decode.engine: expected auto or torch with {kind} on {device}, got ctranslate2, "
            "which computes Whisper's encoder on the CPU"
        )
    from asr.families.ctc.decoding.ctranslate2_engine import Ctranslate2Engine

    return Ctranslate2Engine(folder, params, machine.num_threads)
