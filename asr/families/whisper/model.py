"""A Whisper model in memory, its encoder fed no more frames than there are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import WhisperForConditionalGeneration, WhisperProcessor
from transformers.utils import logging

from asr.errors import InputError


@dataclass
class Whisper:
    """A model and what turns text into its tokens and back.

    Attributes:
        network: transformers' model; its weights are the ones trained, decoded and saved.
        processor: tokenizer and feature extractor, saved beside the weights.
    """

    network: WhisperForConditionalGeneration
    processor: WhisperProcessor

    @property
    def num_mels(self) -> int:
        """Mel bins that the encoder reads."""
        return int(self.network.config.num_mel_bins)

    @property
    def max_tokens(self) -> int:
        """Positions of the decoder, the prompt's included; 448 in every published model."""
        return int(self.network.config.max_target_positions)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.device


def load(folder: Path, device: torch.device) -> Whisper:
    """Load a plain transformers folder, float32, ready to decode.

    Raises:
        InputError: if the folder holds no Whisper model that can be loaded.
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


def encode(whisper: Whisper, log_mel: torch.Tensor) -> torch.Tensor:
    """Encoder output for as many frames as there are.

    transformers' own ``forward`` insists on 3000 frames. The positions are the first of the table,
    so a short clip gets the same ones as at the start of a 30 s window.

    Args:
        whisper: the model.
        log_mel: shape (batch, num_mels, num_frames), num_frames even and at most 3000.

    Returns:
        Shape (batch, num_frames // 2, d_model).
    """
    encoder: Any = whisper.network.model.encoder
    hidden = nn.functional.gelu(encoder.conv1(log_mel))
    hidden = nn.functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    hidden = nn.functional.dropout(hidden, encoder.dropout, encoder.training)
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    return encoder.layer_norm(hidden)  # type: ignore[no-any-return]
