"""Log-mel spectrograms as Whisper hears them, as long as asked for and no longer.

The numbers are openai/whisper's (``whisper/audio.py``): 25 ms windows every 10 ms, mel filters on
Slaney's scale, 8 orders of magnitude below each clip's own peak.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from asr.audio import SAMPLE_RATE, Waveform

WINDOW = 400  # samples, 25 ms
HOP = 160  # samples, 10 ms
FRAMES_PER_S = SAMPLE_RATE // HOP  # 100


def log_mel(waveforms: Sequence[Waveform], num_frames: int, num_mels: int) -> torch.Tensor:
    """The log-mel spectrograms of a batch of clips, all of one length.

    The waveforms are padded with silence *before* the Fourier transform: the result then equals the
    first ``num_frames`` of the 30 s spectrogram that other tools compute (within 1e-5; a test
    compares), where padding the spectrogram would leave the last frame off by 0.1.

    Args:
        waveforms: float32, mono, 16 kHz.
        num_frames: frames of 10 ms; clips longer than that are an error, never cut off.
        num_mels: mel bins, 80 or 128.

    Returns:
        Shape (batch, num_mels, num_frames).

    Raises:
        ValueError: if a clip does not fit.
    """
    num_samples = num_frames * HOP
    batch = torch.zeros(len(waveforms), num_samples)
    for row, waveform in enumerate(waveforms):
        if len(waveform) > num_samples:
            raise ValueError(
                f"a clip of {len(waveform) / SAMPLE_RATE:.2f} s does not fit "
                f"{num_frames / FRAMES_PER_S:.2f} s of context"
            )
        batch[row, : len(waveform)] = torch.from_numpy(waveform)
    spectrum = torch.stft(batch, WINDOW, HOP, window=_window(), return_complex=True)
    power = spectrum[..., :-1].abs().square_()
    log_power = (_filters(num_mels) @ power).clamp_(min=1e-10).log10_()
    loudest = log_power.amax(dim=(1, 2), keepdim=True)
    return torch.maximum(log_power, loudest - 8.0).add_(4.0).div_(4.0)


@cache
def _window() -> torch.Tensor:
    return torch.hann_window(WINDOW)


@cache
def _filters(num_mels: int) -> torch.Tensor:
    """Shape (num_mels, WINDOW // 2 + 1)."""
    filters = mel_filter_bank(
        num_frequency_bins=WINDOW // 2 + 1,
        num_mel_filters=num_mels,
        min_frequency=0.0,
        max_frequency=SAMPLE_RATE / 2,
        sampling_rate=SAMPLE_RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(filters.T.astype(np.float32))
