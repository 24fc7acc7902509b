"""transformers' pipeline for speech recognition."""

from pathlib import Path
from typing import Any

from asr.export.formats import Reader
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform


def open_pipeline(folder: Path, num_threads: int) -> Any:
    """Load a folder on the CPU, in float32."""
    import torch
    import transformers

    torch.set_num_threads(num_threads)
    return transformers.pipeline(
        "automatic-speech-recognition", model=str(folder), device="cpu", dtype=torch.float32
    )


def pipeline(model: Path, folder: Path, num_threads: int) -> Reader:
    """Transcribe with a model that needs no prompt."""
    recognise = open_pipeline(folder, num_threads)

    def read(waveform: Waveform, utterance: Utterance, budget: int) -> str:
        text: str = recognise({"raw": waveform, "sampling_rate": SAMPLE_RATE})["text"]
        return text

    return read
