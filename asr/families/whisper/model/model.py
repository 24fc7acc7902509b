"""A Whisper model in memory; its encoder takes log-mels shorter than 30 s."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import GenerationConfig, WhisperForConditionalGeneration, WhisperProcessor

from asr.core.errors import InputError
from asr.networks.transformers_folder import check_finite, load_whole
from asr.networks.whisper_encoder import encode_mel

# Keys of a generation config that choose a language, a task or a length.
CHOICES = ("language", "task", "prompt_ids", "forced_decoder_ids", "max_length", "max_new_tokens",
           "min_length", "min_new_tokens", "max_time")  # fmt: skip


@dataclass
class Whisper:
    """A model and its tokenizer.

    Attributes:
        network: the transformers model.
        processor: tokenizer and feature extractor, saved beside the weights.
    """

    network: WhisperForConditionalGeneration
    processor: WhisperProcessor

    @property
    def tokenizer(self) -> Tokenizer:
        """The processor's tokenizer, without its transformers wrapper."""
        wrapped: Any = self.processor.tokenizer
        return wrapped.backend_tokenizer  # type: ignore[no-any-return]

    @property
    def num_mels(self) -> int:
        """Number of mel bins that the encoder reads."""
        return int(self.network.config.num_mel_bins)

    @property
    def max_tokens(self) -> int:
        """Number of decoder positions, including the prompt; 448 in every published model."""
        return int(self.network.config.max_target_positions)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.network.device


def load(folder: Path, device: torch.device) -> Whisper:
    """Load a transformers folder in float32, in evaluation mode.

    Raises:
        InputError: if transformers can load no Whisper model from the folder, or only part of one.
    """
    network = load_whole(WhisperForConditionalGeneration, folder, ["whisper"])
    try:
        processor = WhisperProcessor.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: expected a Whisper model, got {error}") from error
    network.to(device)
    network.eval()
    return Whisper(network, processor)


def encode(whisper: Whisper, mel: torch.Tensor) -> torch.Tensor:
    """Encode a log-mel of any length up to 30 s; see ``encode_mel``."""
    return encode_mel(whisper.network.model.encoder, mel)


def decode(
    whisper: Whisper,
    inputs: torch.Tensor,
    encoded: torch.Tensor,
    encoded_mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Run the decoder on all tokens at once, without the projection on the vocabulary.

    The decoder's own ``forward`` in transformers takes no mask for the encoder output.

    Args:
        whisper: the model.
        inputs: tokens, shape (batch, num_tokens), right-padded.
        encoded: encoder output, shape (batch, num_positions, d_model).
        encoded_mask: the positions to attend to, shape (batch, num_positions); None for all.

    Returns:
        Shape (batch, num_tokens, d_model).
    """
    decoder: Any = whisper.network.model.decoder
    hidden = decoder.embed_tokens(inputs) + decoder.embed_positions.weight[: inputs.shape[1]]
    hidden = nn.functional.dropout(hidden, decoder.dropout, decoder.training)
    mask = None
    if encoded_mask is not None:
        mask = encoded_mask[:, None, None].expand(-1, 1, inputs.shape[1], -1)
    for layer in decoder.layers:
        # Without a mask, self-attention is causal.
        hidden = layer(hidden, None, encoded, encoder_attention_mask=mask, use_cache=False)
    return decoder.layer_norm(hidden)  # type: ignore[no-any-return]


def encoder_width(whisper: Whisper) -> int:
    """Size of the encoder's output vector at each position."""
    return int(whisper.network.config.d_model)


def save(model: WhisperForConditionalGeneration, processor: WhisperProcessor, out: Path) -> None:
    """Write model.safetensors, config, generation config, tokenizer and feature extractor.

    The feature extractor is written twice: transformers 5 reads ``processor_config.json``,
    faster-whisper ``preprocessor_config.json``.

    Raises:
        InputError: if a weight is not finite; names it.
    """
    check_finite(model, out)
    _forget_choices(model, processor)
    model.save_pretrained(out)
    processor.save_pretrained(out)
    processor.feature_extractor.save_pretrained(out)


def _forget_choices(model: Any, processor: Any) -> None:
    """Reset the language, task and lengths that somebody chose for another use of the model.

    Other tools would prompt a tuned model with them, or cut its text.
    """
    defaults, generation = GenerationConfig(), model.generation_config  # type: ignore[no-untyped-call]
    for key in CHOICES:
        if hasattr(defaults, key):
            setattr(generation, key, getattr(defaults, key))
        else:
            vars(generation).pop(key, None)
        vars(model.config).pop(key, None)
    # transformers before 4.37 forced the prompt by position; it contradicts ``language``, ``task``.
    generation.forced_decoder_ids = None
    generation.return_timestamps = False
    generation.max_length = model.config.max_target_positions
    tokenizer = processor.tokenizer
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    if tokenizer.model_max_length < model.config.max_target_positions:
        tokenizer.model_max_length = model.config.max_target_positions
    if tokenizer.language or tokenizer.task or tokenizer.predict_timestamps:
        tokenizer.language = tokenizer.task = None
        tokenizer.predict_timestamps = False
        for key in ("language", "task", "predict_timestamps"):
            tokenizer.init_kwargs.pop(key, None)
        tokenizer.set_prefix_tokens()
