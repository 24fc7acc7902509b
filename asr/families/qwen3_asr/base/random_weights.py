"""A Qwen3-ASR of any size with random weights, to try the pipeline without a download.

The classes are the real ones. The tokenizer encodes text byte by byte, so it needs no vocabulary.
"""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationInfo, field_validator
from tokenizers import AddedToken, pre_tokenizers
from transformers import Qwen2Tokenizer, Qwen3ASRConfig, Qwen3ASRForConditionalGeneration

from asr.core.schema import Schema
from asr.families.qwen3_asr.base.vocabulary import AUDIO_TOKENS
from asr.families.qwen3_asr.tokens import (
    AUDIO,
    END_OF_TEXT,
    END_OF_TURN,
    START_OF_TURN,
    TRANSCRIPT,
)
from asr.sources.weights import read_random

NUM_MELS = 128  # as in the real models


class RandomConfig(Schema):
    """``config`` of weights of kind ``random``.

    Attributes:
        audio_width: width of the audio tower; its feed-forward layers are 4 times as wide.
        audio_layers: number of its layers.
        audio_heads: attention heads of each.
        channels: of its convolutions.
        width: of the language model; its feed-forward layers are 3 times as wide.
        layers: number of its layers.
        heads: attention heads of each; half as many for keys and values.
        vocab_size: rows of its embedding; the tokenizer has 263 tokens, the real models 151,936.
    """

    audio_width: int = Field(ge=4, le=4096, multiple_of=2)
    audio_layers: int = Field(ge=1, le=64)
    audio_heads: int = Field(ge=1, le=64)
    channels: int = Field(ge=1, le=1024)
    width: int = Field(ge=4, le=8192)
    layers: int = Field(ge=1, le=64)
    heads: int = Field(ge=2, le=64, multiple_of=2)
    vocab_size: int = Field(ge=263, le=2**20)

    @field_validator("audio_heads")
    @classmethod
    def _divide_the_towers_width(cls, audio_heads: int, info: ValidationInfo) -> int:
        if (width := info.data.get("audio_width", 0)) % audio_heads:
            raise ValueError(f"expected a divisor of audio_width {width}, got {audio_heads}")
        return audio_heads

    @field_validator("heads")
    @classmethod
    def _leave_pairs_to_each(cls, heads: int, info: ValidationInfo) -> int:
        if (width := info.data.get("width", 0)) % (2 * heads):  # rotary positions turn pairs
            raise ValueError(f"expected a divisor of half the width {width}, got {heads}")
        return heads


def random_model(description: Path) -> tuple[Any, Any]:
    """Make the network and the tokenizer that ``random.json`` describes.

    Raises:
        InputError: if a key of ``config`` is missing or invalid; names it.
    """
    sizes, seed = read_random(description, RandomConfig, "weights")
    tokenizer = byte_tokenizer()
    torch.manual_seed(seed)
    network: Any = Qwen3ASRForConditionalGeneration(config_of(sizes, tokenizer))
    network.eval()
    return network, tokenizer


def config_of(sizes: RandomConfig, tokenizer: Any) -> Any:
    """The config of a network of these sizes."""
    return Qwen3ASRConfig(
        audio_config={
            "num_mel_bins": NUM_MELS,
            "d_model": sizes.audio_width,
            "encoder_layers": sizes.audio_layers,
            "encoder_attention_heads": sizes.audio_heads,
            "encoder_ffn_dim": 4 * sizes.audio_width,
            "downsample_hidden_size": sizes.channels,
            "output_dim": sizes.width,
            "dtype": "float32",
        },
        text_config={
            "model_type": "qwen3",
            "vocab_size": sizes.vocab_size,
            "hidden_size": sizes.width,
            "intermediate_size": 3 * sizes.width,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "num_key_value_heads": sizes.heads // 2,
            "head_dim": sizes.width // sizes.heads,
            "max_position_embeddings": 65536,
            "tie_word_embeddings": True,
            "dtype": "float32",
        },
        audio_token_id=tokenizer.convert_tokens_to_ids(AUDIO),
        dtype="float32",
    )


def byte_tokenizer() -> Any:
    """A byte-level BPE of the real class with 256 tokens of one byte, and Qwen3-ASR's own."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Qwen2Tokenizer(
        vocab={token: index for index, token in enumerate(alphabet)},
        merges=[],
        eos_token=END_OF_TURN,
        pad_token=END_OF_TEXT,
        extra_special_tokens=AUDIO_TOKENS,
    )
    tokenizer.add_tokens([AddedToken(START_OF_TURN, special=True)])
    # Not special in the real tokenizer either: decoders would drop it from the text.
    tokenizer.add_tokens([AddedToken(TRANSCRIPT, special=False, normalized=False)])
    return tokenizer
