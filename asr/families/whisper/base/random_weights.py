"""A Whisper of any size with random weights, to try the pipeline without a download.

It has the size and the special tokens of the real vocabulary. The tokenizer encodes text byte by
byte, so it needs no vocabulary file.
"""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from asr.core.schema import Schema
from asr.families.whisper.base.vocabulary import (
    END,
    NO_TIMESTAMPS,
    START,
    generation_config,
    read_tokenizer,
)
from asr.sources.weights import read_random

NUM_TEXT_TOKENS = 50257  # of the multilingual vocabulary
NUM_TIMESTAMPS = 1501  # 0 to 30 s by 0.02 s
SPECIAL = [  # in the order of Whisper's ids
    END,
    START,
    *(f"<|{code}|>" for code in list(LANGUAGES)[:99]),  # without Cantonese, of large-v3
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    NO_TIMESTAMPS,
]


class RandomConfig(Schema):
    """``config`` of weights of kind ``random``. Feed-forward layers are 4 x ``d_model`` wide.

    Attributes:
        d_model: width of encoder and decoder.
        encoder_layers: number of encoder layers.
        decoder_layers: number of decoder layers.
        num_heads: attention heads of each layer.
    """

    d_model: int = Field(ge=4, le=2048)
    encoder_layers: int = Field(ge=1, le=64)
    decoder_layers: int = Field(ge=1, le=64)
    num_heads: int = Field(ge=1, le=64)


def random_model(
    description: Path, out: Path
) -> tuple[WhisperForConditionalGeneration, WhisperProcessor]:
    """Make the model that ``random.json`` describes; its tokenizer is written into ``out``.

    Raises:
        InputError: if a key of ``config`` is missing or invalid; names it.
    """
    sizes, seed = read_random(description, RandomConfig, "weights")
    tokenizer_file = out / "tokenizer.json"
    _write_tokenizer(tokenizer_file)
    vocab_size = NUM_TEXT_TOKENS + len(SPECIAL) + NUM_TIMESTAMPS
    tokenizer = read_tokenizer(tokenizer_file, vocab_size)
    ids: Any = tokenizer.convert_tokens_to_ids
    config = WhisperConfig(
        vocab_size=vocab_size,
        d_model=sizes.d_model,
        encoder_layers=sizes.encoder_layers,
        decoder_layers=sizes.decoder_layers,
        encoder_attention_heads=sizes.num_heads,
        decoder_attention_heads=sizes.num_heads,
        encoder_ffn_dim=4 * sizes.d_model,
        decoder_ffn_dim=4 * sizes.d_model,
        bos_token_id=ids(END),
        eos_token_id=ids(END),
        pad_token_id=ids(END),
        decoder_start_token_id=ids(START),
        suppress_tokens=None,
        begin_suppress_tokens=None,
        dtype="float32",
    )
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config)
    model.eval()  # type: ignore[no-untyped-call]
    settings = {
        "alignment_heads": [[sizes.decoder_layers - 1, head] for head in range(sizes.num_heads)],
        "lang_ids": ids(SPECIAL[2:101]),
        "suppress_ids": [],
        "suppress_ids_begin": [ids(END)],
    }
    model.generation_config = generation_config(
        tokenizer, config.max_target_positions, settings, description
    )
    extractor = WhisperFeatureExtractor(config.num_mel_bins)  # type: ignore[no-untyped-call]
    return model, WhisperProcessor(extractor, tokenizer)  # type: ignore[no-untyped-call]


def _write_tokenizer(path: Path) -> None:
    """Write a ``tokenizer.json`` with Whisper's ids: 256 byte tokens, then unused fillers."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    fillers = [f"filler{index}" for index in range(NUM_TEXT_TOKENS - len(alphabet))]
    vocabulary = {token: index for index, token in enumerate([*alphabet, *fillers])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.save(str(path))
