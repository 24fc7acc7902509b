"""Read a pretrained language model: a transformers folder, or one GGUF file."""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationInfo, field_validator
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.families.speech_llm.base.byte_tokenizer import byte_tokenizer
from asr.families.speech_llm.model.model import MODEL_TYPES
from asr.families.speech_llm.tokens import END, START, end_tokens
from asr.networks.transformers_folder import check_folder, load_checked
from asr.sources.weights import RANDOM, read_random

# SmolLM2 is a Llama. All have rotary positions, an embedding and a head of the same names.


class RandomLanguageModel(Schema):
    """``config`` of a random language model. Feed-forward layers are 3 x ``width`` wide."""

    width: int = Field(ge=4, le=8192)
    layers: int = Field(ge=1, le=64)
    num_heads: int = Field(ge=1, le=64)

    @field_validator("num_heads")
    @classmethod
    def _leave_pairs_to_each(cls, num_heads: int, info: ValidationInfo) -> int:
        if (width := info.data.get("width", 0)) % (2 * num_heads):  # rotary positions turn pairs
            raise ValueError(f"expected a divisor of half the width {width}, got {num_heads}")
        return num_heads


def read_language_model(folder: Path) -> tuple[Any, Any]:
    """Read a causal language model in float32, and its tokenizer.

    Args:
        folder: a transformers folder with safetensors, a folder with one ``.gguf`` file, or a
            folder with ``random.json``.

    Raises:
        InputError: if the folder holds no such model, only part of one, or a tokenizer without the
            tokens of the chat form.
    """
    if (folder / RANDOM).is_file():
        model, tokenizer = _random(folder / RANDOM)
    elif files := sorted(folder.glob("*.gguf")):
        model, tokenizer = _from_gguf(folder, files)
    else:
        check_folder(folder, MODEL_TYPES)
        model = load_checked(AutoModelForCausalLM, folder, use_safetensors=True)
        tokenizer = _tokenizer(folder)
    ends = end_tokens(tokenizer.backend_tokenizer)
    num_tokens, size = len(tokenizer), model.get_input_embeddings().weight.shape[0]
    if num_tokens > size:
        raise InputError(
            f"{folder}: tokenizer: expected at most the {size} tokens of the weights, got "
            f"{num_tokens}: tokenizer and weights are of two models"
        )
    # The pretrained model's sampling, and its ends, would mislead tools that read the folder.
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=ends, pad_token_id=ends[0], bos_token_id=model.config.bos_token_id
    )
    return model, tokenizer


def _tokenizer(folder: Path, **options: Any) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **options)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{folder}: expected a tokenizer, got {error}") from error
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise InputError(f"{folder}: expected tokenizer.json, got {type(tokenizer).__name__}")
    return tokenizer


def _from_gguf(folder: Path, files: list[Path]) -> tuple[Any, Any]:
    """Dequantize a GGUF file: the weights become float32, as they are multiplied in llama.cpp."""
    if len(files) > 1:
        raise InputError(f"{folder}: expected one .gguf, got {[file.name for file in files]}")
    model = load_checked(AutoModelForCausalLM, folder, gguf_file=files[0].name)
    if (kind := model.config.model_type) not in MODEL_TYPES:
        raise InputError(f"{files[0]}: expected a model of {MODEL_TYPES}, got {kind!r}")
    # transformers takes the weights for quantized ones still, and refuses to save them.
    model.hf_quantizer = None
    vars(model.config).pop("quantization_config", None)
    return model, _tokenizer(folder, gguf_file=files[0].name)


def _random(path: Path) -> tuple[Any, Any]:
    sizes, seed = read_random(path, RandomLanguageModel, "language_model")
    words = byte_tokenizer()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words, bos_token=START, eos_token=END, pad_token=END
    )
    end = words.token_to_id(END)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=words.get_vocab_size(),
        hidden_size=sizes.width,
        intermediate_size=3 * sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.num_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=words.token_to_id(START),
        eos_token_id=end,
        pad_token_id=end,
        dtype="float32",
    )
    return LlamaForCausalLM(config), tokenizer
