"""Convert a pretrained Whisper of any supported format to a transformers folder."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import WhisperForConditionalGeneration, WhisperProcessor
from transformers.utils import logging

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.families.whisper.base.from_ctranslate2 import convert
from asr.families.whisper.base.random_weights import write_random
from asr.families.whisper.model.model import save
from asr.sources.weights import RANDOM


def write_base(weights: Path, out: Path) -> None:
    """Write the model of ``weights`` into the empty folder ``out``, in float32.

    Args:
        weights: a transformers folder, a CTranslate2 folder (with ``model.bin``), or a folder with
            ``random.json``.
        out: filled with the files of ``model.save``; same weights, same bytes.

    Raises:
        InputError: if the folder holds no Whisper model, or only part of one.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if (weights / RANDOM).is_file():
        write_random(weights / RANDOM, out)
    elif (weights / "model.bin").is_file():
        convert(weights, out)
    else:
        save(*_load(weights), out)


def _load(folder: Path) -> tuple[WhisperForConditionalGeneration, WhisperProcessor]:
    path = folder / "config.json"
    if not path.is_file():
        there = sorted(file.name for file in folder.iterdir())
        raise InputError(f"{folder}: expected model.bin or config.json, got {there}")
    if (kind := read_json(path).get("model_type")) != "whisper":
        raise InputError(f"{path}: model_type: expected 'whisper', got {kind!r}")
    try:
        loaded: Any = WhisperForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, local_files_only=True
        )
        processor = WhisperProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder}: transformers can't load it: {error}") from error
    model, loading = loaded
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        # transformers would only warn, and fill missing parameters with random numbers.
        if names := sorted(map(str, loading[fault])):
            raise InputError(f"{folder}: expected every parameter once, got {fault} {names}")
    _check_generation_config(model, folder)
    return model, processor


def _check_generation_config(model: WhisperForConditionalGeneration, folder: Path) -> None:
    """Reject folders of early transformers, which lack the token ids that prompts need."""
    generation: Any = model.generation_config
    keys = ["decoder_start_token_id", "no_timestamps_token_id", "is_multilingual"]
    if getattr(generation, "is_multilingual", False):
        keys += ["lang_to_id", "task_to_id"]
    if missing := [key for key in keys if getattr(generation, key, None) is None]:
        path = folder / "generation_config.json"
        raise InputError(f"{path}: expected the keys {keys}, {missing} are missing")
