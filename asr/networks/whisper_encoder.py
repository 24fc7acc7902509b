"""Run Whisper's encoder on log-mels shorter than 30 s."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from asr.core.closure import code_version
from asr.features.log_mel import frames_of, log_mel
from asr.utterances.waveform import Waveform


def encode_mel(
    encoder: Any, mel: torch.Tensor, lengths: Sequence[int] | None = None
) -> torch.Tensor:
    """Encode a log-mel of any length up to 30 s.

    The encoder's own ``forward`` in transformers accepts only 3000 frames. Here the clip gets the
    first positions of the table, the same as at the start of a 30 s window.

    Args:
        encoder: a ``WhisperEncoder`` of transformers.
        mel: log-mel, shape (batch, num_mels, num_frames), num_frames even and at most 3000.
        lengths: positions of each clip, so that the clip is encoded as if it were alone; its
            log-mel must be 0 beyond them. None if every clip fills its row.

    Returns:
        Shape (batch, num_frames // 2, d_model); beyond a clip's length it means nothing.
    """
    attended = None
    hidden = nn.functional.gelu(encoder.conv1(mel))
    if lengths is not None and min(lengths) < mel.shape[2] // 2:
        positions = torch.arange(mel.shape[2] // 2, device=mel.device)
        attended = positions < torch.tensor(lengths, device=mel.device)[:, None]
        # The second convolution of a clip alone reads zeros beyond the clip.
        hidden = hidden * attended.repeat_interleave(2, dim=1)[:, None]
        attended = attended[:, None, None]
    hidden = nn.functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    hidden = nn.functional.dropout(hidden, encoder.dropout, encoder.training)
    for layer in encoder.layers:
        hidden = layer(hidden, attended)
    return encoder.layer_norm(hidden)  # type: ignore[no-any-return]


def num_positions(context_s: float) -> int:
    """Number of encoder positions for a context of ``context_s`` seconds."""
    return frames_of(context_s) // 2


def encode_clips(
    encoder: Any, waveforms: Sequence[Waveform], context_s: float
) -> npt.NDArray[np.float32]:
    """Encode clips without dropout and gradients; shape (num_clips, num_positions, d_model)."""
    weight = encoder.conv1.weight
    mel = torch.from_numpy(log_mel(waveforms, frames_of(context_s), encoder.num_mel_bins))
    learning = encoder.training
    encoder.eval()
    with torch.no_grad():
        encoded = encode_mel(encoder, mel.to(weight.device, weight.dtype))
    encoder.train(learning)
    return encoded.float().cpu().numpy()


def encoder_version(encoder: Any) -> str:
    """SHA-256 of the encoder's weights and code: all but the clip that its output depends on."""
    digest = sha256(code_version("asr.networks.whisper_encoder").encode())
    for name, weight in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + weight.cpu().numpy().tobytes())
    return digest.hexdigest()
