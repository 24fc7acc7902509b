"""The engine that transcribes, as params choose it; both write the same of the same clips."""

from pathlib import Path

from asr.decoding.params import DecodeParams
from asr.devices.device import device_name
from asr.devices.params import MachineParams
from asr.families.protocols import Engine
from asr.families.whisper.decoding.params import WhisperDecodeParams


def chosen_engine(
    folder: Path, machine: MachineParams, params: DecodeParams, own: WhisperDecodeParams
) -> Engine:
    """Load a plain transformers folder into ``whisper.decode.engine``, on the machine's device.

    Each engine is imported where it is chosen: torch and transformers' models alone take 380 MB.

    Raises:
        InputError: if the device is not there, the engine can't use it, or the folder holds no
            model.
    """
    device = device_name(machine)
    # CTranslate2 on a GPU wants CUDA libraries of its own choice beside torch's.
    best = "ctranslate2" if device == "cpu" else "torch"
    if (best if own.engine == "auto" else own.engine) == "torch":
        from asr.devices.device import use_machine
        from asr.families.whisper.decoding.torch_engine import TorchEngine

        return TorchEngine(folder, use_machine(machine), params, own.scripts)
    from asr.families.whisper.decoding.ctranslate2_engine import Ctranslate2Engine

    return Ctranslate2Engine(folder, device, params, own.scripts, machine.num_threads)
