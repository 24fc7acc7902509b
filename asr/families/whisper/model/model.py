"""A Whisper model in memory; its encoder takes log-mels shorter than 30 s."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import GenerationConfig, WhisperForConditionalGeneration, WhisperProcessor
from transformers.utils import logging

from asr.core.errors import InputError
from asr.features.log_mel import frames_of, log_mel
from asr.utterances.waveform import Waveform

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
        InputError: if transformers can load no Whisper model from the folder.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        network = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        processor = WhisperProcessor.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: expected a Whisper model, got {error}") from error
    network.to(device)  # type: ignore[arg-type]
    network.eval()  # type: ignore[no-untyped-call]
    return Whisper(network, processor)


def encode(whisper: Whisper, mel: torch.Tensor) -> torch.Tensor:
    """Encode a log-mel of any length up to 30 s.

    The encoder's own ``forward`` in transformers accepts only 3000 frames. Here the clip gets the
    first positions of the table, the same as at the start of a 30 s window.

    Args:
        whisper: the model.
        mel: log-mel, shape (batch, num_mels, num_frames), num_frames even and at most 3000.

    Returns:
        Shape (batch, num_frames // 2, d_model).
    """
    encoder: Any = whisper.network.model.encoder
    hidden = nn.functional.gelu(encoder.conv1(mel))
    hidden = nn.functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    hidden = nn.functional.dropout(hidden, encoder.dropout, encoder.training)
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    return encoder.layer_norm(hidden)  # type: ignore[no-any-return]


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


def encoder_weights(whisper: Whisper) -> dict[str, torch.Tensor]:
    """State dict of the encoder."""
    return whisper.network.model.encoder.state_dict()  # type: ignore[no-any-return]


def encoder_width(whisper: Whisper) -> int:
    """Size of the encoder's output vector at each position."""
    return int(whisper.network.config.d_model)


def num_positions(context_s: float) -> int:
    """Number of encoder positions for a context of ``context_s`` seconds."""
    return frames_of(context_s) // 2


def encode_clips(
    whisper: Whisper, waveforms: Sequence[Waveform], context_s: float
) -> npt.NDArray[np.float32]:
    """Encode clips without dropout and gradients; shape (num_clips, num_positions, d_model)."""
    mel = torch.from_numpy(log_mel(waveforms, frames_of(context_s), whisper.num_mels))
    encoder: Any = whisper.network.model.encoder
    learning = encoder.training
    encoder.eval()
    with torch.no_grad():
        encoded = encode(whisper, mel.to(whisper.device))
    encoder.train(learning)
    return encoded.cpu().numpy()


def save(model: WhisperForConditionalGeneration, processor: WhisperProcessor, out: Path) -> None:
    """Write model.safetensors, config, generation config, tokenizer and feature extractor.

    The feature extractor is written twice: transformers 5 reads ``processor_config.json``,
    faster-whisper ``preprocessor_config.json``.

    Raises:
        InputError: if a weight is not finite; names it.
    """
    for name, weight in model.state_dict().items():
        if not weight.isfinite().all():
            count = int((~weight.isfinite()).sum())
            raise InputError(
                f"{out}: {name}: expected finite weights, got {count} of {weight.numel()} that are "
                "infinite or no number"
            )
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
