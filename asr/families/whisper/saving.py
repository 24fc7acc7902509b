"""A Whisper on disk: a folder that transformers, faster-whisper and our own stages load."""

from pathlib import Path
from typing import Any

from transformers import WhisperForConditionalGeneration, WhisperProcessor


def save(model: WhisperForConditionalGeneration, processor: WhisperProcessor, out: Path) -> None:
    """Write model.safetensors, config, generation config, tokenizer and feature extractor.

    The feature extractor is written twice: transformers 5 has it in ``processor_config.json``,
    faster-whisper reads ``preprocessor_config.json``.
    """
    # Until 4.37 the prompt was forced by position; the lists contradict ``language`` and ``task``.
    generation: Any = model.generation_config
    generation.forced_decoder_ids = None
    model.save_pretrained(out)
    processor.save_pretrained(out)
    processor.feature_extractor.save_pretrained(out)
