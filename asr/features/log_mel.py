"""Log-mel spectrograms as Whisper takes them, as long as asked for and no longer.

The numbers are openai/whisper's (``whisper/audio.py``): 25 ms windows every 10 ms, mel filters on
Slaney's scale, 8 orders of magnitude below each clip's own peak. In NumPy and on one thread, so
that what decodes without torch need not load it, and no bit depends on the number of cores.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from asr.utterances.waveform import SAMPLE_RATE, Waveform

WINDOW = 400  # samples, 25 ms
HOP = 160  # samples, 10 ms
FRAMES_PER_S = SAMPLE_RATE // HOP  # 100

LogMel = npt.NDArray[np.float32]  # shape (batch, num_mels, num_frames)


def frames_of(context_s: float) -> int:
    """Frames of the log-mel for a context; the encoder makes a position of each two."""
    return round(context_s * FRAMES_PER_S)


def log_mel(waveforms: Sequence[Waveform], num_frames: int, num_mels: int) -> LogMel:
    """The log-mel spectrograms of a batch of clips, all of one length.

    The waveforms are padded with silence *before* the Fourier transform: the result then equals the
    first ``num_frames`` of the 30 s spectrogram that other tools compute, where padding the
    spectrogram would leave the last frame off by 0.1. Within 5e-6 of what transformers computes in
    double precision, as a test shows; its single precision is up to 2.5e-5 away from that.

    Args:
        waveforms: float32, mono, 16 kHz.
        num_frames: frames of 10 ms; clips longer than that are an error, never cut off.
        num_mels: mel bins, 80 or 128.

    Raises:
        ValueError: if a clip does not fit.
    """
    batch = np.empty((len(waveforms), num_mels, num_frames), np.float32)
    for row, waveform in zip(batch, waveforms, strict=True):
        if len(waveform) > num_frames * HOP:
            raise ValueError(
                f"a clip of {len(waveform) / SAMPLE_RATE:.2f} s does not fit "
                f"{num_frames / FRAMES_PER_S:.2f} s of context"
            )
        row[:] = _log_mel(waveform, num_frames, num_mels)
    return batch


def _log_mel(waveform: Waveform, num_frames: int, num_mels: int) -> LogMel:
    """Of one clip, shape (num_mels, num_frames)."""
    silence = num_frames * HOP - len(waveform)
    padded = np.pad(np.pad(waveform, (0, silence)), WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:num_frames]
    spectrum = np.fft.rfft(frames * _window())
    power = spectrum.real**2 + spectrum.imag**2
    bins, weights, starts = _filters(num_mels)
    mel = np.add.reduceat(power[:, bins] * weights, starts, axis=1).T
    log_power = np.log10(np.maximum(mel, 1e-10))
    audible: LogMel = np.maximum(log_power, log_power.max() - 8.0)
    return (audible + 4.0) / 4.0


@cache
def _window() -> npt.NDArray[np.float32]:
    """Hann's, periodic."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


@cache
def _filters(num_mels: int) -> tuple[npt.NDArray[np.intp], LogMel, npt.NDArray[np.intp]]:
    """Triangles of area 1, as the few bins that each has: bins, weights, where each begins."""
    hertz = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    corners = _hertz(np.linspace(0, _mel(SAMPLE_RATE / 2), num_mels + 2))[:, None]
    low, peak, high = corners[:-2], corners[1:-1], corners[2:]
    rise, fall = (hertz - low) / (peak - low), (high - hertz) / (high - peak)
    filters = np.maximum(0, np.minimum(rise, fall)) * 2 / (high - low)
    mels, bins = np.nonzero(filters)
    starts = np.searchsorted(mels, np.arange(num_mels))
    return bins, filters[mels, bins].astype(np.float32), starts


# Slaney's scale: even up to 1000 Hz, which are 15 mels, from there 27 mels for a factor of 6.4.
def _mel(hertz: float) -> float:
    return 15 + 27 * np.log(hertz / 1000) / np.log(6.4) if hertz > 1000 else 3 * hertz / 200


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mels > 15, 1000 * 6.4 ** ((mels - 15) / 27), 200 * mels / 3)
