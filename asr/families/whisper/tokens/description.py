"""Configs and tokenizer of a transformers folder with a Whisper, read without transformers.

transformers would import torch: 250 MB of memory that decoding in CTranslate2 does not need.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from tokenizers import Tokenizer

from asr.core.errors import InputError, faults
from asr.core.files import read_json


class Description(BaseModel):
    """Fields of ``config.json`` and ``generation_config.json`` that decoding needs.

    The maps of languages and tasks are empty for an English-only model.
    """

    model_config = ConfigDict(frozen=True)

    vocab_size: int
    num_mel_bins: int
    max_target_positions: int
    d_model: int
    encoder_layers: int
    decoder_layers: int
    encoder_attention_heads: int
    decoder_attention_heads: int
    decoder_start_token_id: int
    eos_token_id: int
    no_timestamps_token_id: int
    is_multilingual: bool
    lang_to_id: dict[str, int] = {}
    task_to_id: dict[str, int] = {}
    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: list[int] | None = None
    alignment_heads: list[tuple[int, int]] | None = None


def read_description(folder: Path) -> Description:
    """Read ``config.json`` and ``generation_config.json`` of a folder.

    Raises:
        InputError: if the folder holds no Whisper model.
    """
    try:
        model, generation = (
            read_json(folder / f"{name}.json") for name in ("config", "generation_config")
        )
        return Description.model_validate(model | generation)
    except ValidationError as error:
        raise InputError(f"{folder}: expected a Whisper model, got {faults(error)[0]}") from error
    except (OSError, TypeError) as error:
        raise InputError(f"{folder}: expected a Whisper model, got {error}") from error


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read ``tokenizer.json`` of a folder.

    Raises:
        InputError: if the file is missing or damaged.
    """
    try:
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises no narrower class
        raise InputError(
            f"{folder / 'tokenizer.json'}: expected a tokenizer, got {error}"
        ) from error
