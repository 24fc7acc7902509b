"""Read the encoder of a pretrained Whisper of any format."""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationInfo, field_validator
from transformers import WhisperConfig, WhisperForConditionalGeneration
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.core.schema import Schema
from asr.ctranslate2_files.parameters import Variables, build_model, read_parameters
from asr.families.speech_llm.tokens.description import MAX_ENCODER_POSITIONS
from asr.networks.transformers_folder import load_whole
from asr.sources.weights import RANDOM, read_random


class RandomEncoder(Schema):
    """``config`` of a random encoder. Feed-forward layers are 4 x ``d_model`` wide."""

    d_model: int = Field(ge=4, le=2048, multiple_of=2)
    layers: int = Field(ge=1, le=64)
    num_heads: int = Field(ge=1, le=64)

    @field_validator("num_heads")
    @classmethod
    def _divide_the_width(cls, num_heads: int, info: ValidationInfo) -> int:
        if (width := info.data.get("d_model", 0)) % num_heads:
            raise ValueError(f"expected a divisor of d_model {width}, got {num_heads}")
        return num_heads


def read_encoder(folder: Path) -> WhisperEncoder:
    """Read a Whisper's encoder in float32.

    Args:
        folder: a transformers folder of a Whisper or of its encoder alone, as this family saves
            it; a CTranslate2 folder (with ``model.bin``); or a folder with ``random.json``.

    Raises:
        InputError: if the folder holds no Whisper model, or only part of one.
    """
    encoder: WhisperEncoder
    whisper: Any
    if (folder / RANDOM).is_file():
        sizes, seed = read_random(folder / RANDOM, RandomEncoder, "encoder")
        torch.manual_seed(seed)
        config = WhisperConfig(
            d_model=sizes.d_model,
            encoder_layers=sizes.layers,
            encoder_attention_heads=sizes.num_heads,
            encoder_ffn_dim=4 * sizes.d_model,
            dtype="float32",
        )
        encoder = WhisperEncoder(config)
        for convolution in (encoder.conv1, encoder.conv2):
            # With transformers' 0.02 the audio is 1 % of the output, and positions are the rest.
            torch.nn.init.kaiming_normal_(convolution.weight)
        return encoder
    if (folder / "model.bin").is_file():
        variables = Variables(folder / "model.bin")
        config, parameters = read_parameters(variables)
        whisper = build_model(config, parameters, variables.path)
        encoder = whisper.model.encoder
    elif _is_encoder(folder):
        encoder = load_whole(WhisperEncoder, folder, ["whisper"])
    else:
        whisper = load_whole(WhisperForConditionalGeneration, folder, ["whisper"])
        encoder = whisper.model.encoder
    if (got := encoder.config.max_source_positions) != MAX_ENCODER_POSITIONS:
        raise InputError(
            f"{folder}: max_source_positions: expected {MAX_ENCODER_POSITIONS}, got {got}"
        )
    return encoder


def _is_encoder(folder: Path) -> bool:
    path = folder / "config.json"
    content = read_json(path) if path.is_file() else None
    return isinstance(content, dict) and content.get("architectures") == ["WhisperEncoder"]
