"""The engine that transcribes, as params choose it; both write the same of the same clips."""

from pathlib import Path

import torch

from asr.decoding import Engine
from asr.schemas.decode import Params as DecodeParams


def open_engine(
    folder: Path, device: torch.device, params: DecodeParams, num_threads: int
) -> Engine:
    """Load a plain transformers folder into ``decode.engine``, on ``num_threads`` cores.

    Each engine is imported where it is chosen: transformers' models alone take 130 MB.
    """
    # CTranslate2 on a GPU wants CUDA libraries of its own choice beside torch's.
    best = "ctranslate2" if device.type == "cpu" else "torch"
    if (best if params.engine == "auto" else params.engine) == "torch":
        from asr.families.whisper.torch_engine import TorchEngine

        return TorchEngine(folder, device, params)
    from asr.families.whisper.ctranslate2_engine import Ctranslate2Engine

    return Ctranslate2Engine(folder, device, params, num_threads)
