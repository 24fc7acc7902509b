"""Read the encoder of a pretrained Whisper: a transformers folder, or one of CTranslate2."""

from pathlib import Path
from typing import Any

from transformers import WhisperForConditionalGeneration

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.ctranslate2_files.parameters import Variables, build_model, read_parameters
from asr.families.ctc.tokens.description import WHISPER
from asr.networks.transformers_folder import load_whole

MAX_POSITIONS = 1500  # of 20 ms


def is_whisper(folder: Path) -> bool:
    """Whether a folder holds a Whisper of either form."""
    if (folder / "model.bin").is_file():
        return True
    path = folder / "config.json"
    content = read_json(path) if path.is_file() else None
    return isinstance(content, dict) and content.get("model_type") == WHISPER


def read_whisper_encoder(folder: Path) -> Any:
    """Read the encoder in float32.

    Raises:
        InputError: if the folder holds only part of a model.
    """
    model: Any
    if (folder / "model.bin").is_file():
        variables = Variables(folder / "model.bin")
        config, parameters = read_parameters(variables)
        model = build_model(config, parameters, variables.path)
    else:
        model = load_whole(WhisperForConditionalGeneration, folder, [WHISPER])
    encoder = model.model.encoder
    if (got := encoder.config.max_source_positions) != MAX_POSITIONS:
        raise InputError(f"{folder}: max_source_positions: expected {MAX_POSITIONS}, got {got}")
    return encoder
