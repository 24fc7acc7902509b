"""Convert a pretrained Whisper of any supported format to a transformers folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import (
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)
from transformers.utils import logging

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.families.whisper.base.consistency import check_generation, settle
from asr.families.whisper.base.from_ctranslate2 import read_ctranslate2
from asr.families.whisper.base.random_weights import random_model
from asr.families.whisper.base.vocabulary import (
    END,
    NO_TIMESTAMPS,
    START,
    derived_settings,
    generation_config,
)
from asr.families.whisper.model.model import save
from asr.networks.transformers_folder import load_checked
from asr.sources.weights import RANDOM


def write_base(weights: Path, out: Path, language_token: Mapping[str, str] | None = None) -> None:
    """Write the model of ``weights`` into the empty folder ``out``, in float32.

    Args:
        weights: a transformers folder, a CTranslate2 folder (with ``model.bin``), or a folder with
            ``random.json``.
        out: filled with the files of ``model.save``; same weights, same bytes.
        language_token: ISO 639 codes, each with the language whose token stands for it; None for
            none.

    Raises:
        InputError: if the folder holds no Whisper model, only part of one, or parts of two.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if (weights / RANDOM).is_file():
        model, processor = random_model(weights / RANDOM, out)
    elif (weights / "model.bin").is_file():
        model, processor = read_ctranslate2(weights)
    else:
        model, processor = _load(weights)
    settle(model, processor, weights, language_token or {})
    save(model, processor, out)


def _load(folder: Path) -> tuple[WhisperForConditionalGeneration, WhisperProcessor]:
    path = folder / "config.json"
    if not path.is_file():
        there = sorted(file.name for file in folder.iterdir())
        raise InputError(f"{folder}: expected model.bin or config.json, got {there}")
    # transformers takes a damaged file for one that is missing.
    files = {file.stem: read_json(file) for file in folder.glob("*.json")}
    config = files["config"] if isinstance(files["config"], dict) else {}
    if (kind := config.get("model_type")) != "whisper":
        raise InputError(f"{path}: model_type: expected 'whisper', got {kind!r}")
    if quantized := config.get("quantization_config"):
        raise InputError(
            f"{path}: quantization_config: expected weights that are not quantized, got "
            f"{quantized!r:.80}"
        )
    if "generation_config" in files:
        check_generation(files["generation_config"], folder / "generation_config.json")
    _check_one_set_of_weights(folder)
    model = load_checked(WhisperForConditionalGeneration, folder)
    try:
        processor = _processor(folder, files, model.config.num_mel_bins)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{folder}: transformers can't load it: {error}") from error
    tokenizer: Any = processor.tokenizer
    if not isinstance(tokenizer, WhisperTokenizer):
        raise InputError(
            f"{folder / 'tokenizer_config.json'}: tokenizer_class: expected WhisperTokenizer, got "
            f"{type(tokenizer).__name__}"
        )
    has_special = {
        START,
        END,
        NO_TIMESTAMPS,
    } <= tokenizer.get_vocab().keys()  # else `settle` raises
    if "generation_config" not in files and has_special:
        settings = derived_settings(tokenizer, files["config"])
        most = model.config.max_target_positions
        model.generation_config = generation_config(tokenizer, most, settings, path)
    return model, processor


def _check_one_set_of_weights(folder: Path) -> None:
    """transformers would take the whole file, whatever the index of parts beside it says."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.is_file() and index.is_file():
        raise InputError(
            f"{folder}: expected one set of weights, got {whole.name} and {index.name}; remove "
            "the one that is not the model"
        )


def _processor(folder: Path, files: Mapping[str, Any], num_mels: int) -> WhisperProcessor:
    """Tokenizer and feature extractor of a folder; a missing extractor follows from the model."""
    if files.keys() & {"preprocessor_config", "processor_config"}:
        return WhisperProcessor.from_pretrained(folder, local_files_only=True)
    tokenizer = WhisperTokenizer.from_pretrained(folder, local_files_only=True)
    extractor = WhisperFeatureExtractor(num_mels)  # type: ignore[no-untyped-call]
    return WhisperProcessor(extractor, tokenizer)  # type: ignore[no-untyped-call]
