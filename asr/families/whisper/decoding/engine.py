"""Choose the engine by params; both engines give the same text for the same clips."""

from pathlib import Path

from asr.decoding.params import DecodeParams
from asr.devices.device import device_name
from asr.devices.params import MachineParams
from asr.families.protocols import Engine
from asr.families.whisper.decoding.params import WhisperDecodeParams


def chosen_engine(
    folder: Path, machine: MachineParams, params: DecodeParams, own: WhisperDecodeParams
) -> Engine:
    """Load a transformers folder with ``whisper.decode.engine`` on ``machine.device``.

    Only the chosen engine is imported: torch and transformers' models take 380 MB of memory.

    Raises:
        InputError: if the device is missing, the engine can't use it, or the folder holds no
            model.
    """
    device = device_name(machine)
    # On a GPU CTranslate2 needs its own versions of CUDA libraries beside torch's.
    best = "ctranslate2" if device == "cpu" else "torch"
    if (best if own.engine == "auto" else own.engine) == "torch":
        from asr.devices.device import use_machine
        from asr.families.whisper.decoding.torch_engine import TorchEngine

        return TorchEngine(folder, use_machine(machine), params, own.scripts)
    from asr.families.whisper.decoding.ctranslate2_engine import Ctranslate2Engine

    return Ctranslate2Engine(folder, device, params, own.scripts, machine.num_threads)
