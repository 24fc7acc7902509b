"""Waveforms: mono, 16 kHz, float32 in [-1, 1], the input of every model here."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000  # samples a second
FULL_SCALE = 32_768  # the int16 value of 1.0

Waveform = npt.NDArray[np.float32]  # shape (num_samples,)
Samples = npt.NDArray[np.int16]  # shape (num_samples,), the stored form


class Clips(Protocol):
    """Waveforms by index, such as a list or ``Waveforms``, which reads them from disk."""

    def __getitem__(self, index: int, /) -> Waveform:
        """Float32, mono, 16 kHz."""


def to_int16(waveform: Waveform) -> Samples:
    """Round to int16, little endian on every machine; samples beyond full scale are clipped."""
    return np.clip(np.rint(waveform * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")


def from_int16(samples: Samples) -> Waveform:
    """Convert stored samples to a waveform; ``to_int16`` restores them exactly."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def peak_dbfs(waveform: Waveform) -> float:
    """Level of the loudest sample in dB below full scale: 0 is full scale, -inf digital silence."""
    peak = float(np.abs(waveform).max())
    return 20 * float(np.log10(peak)) if peak > 0 else -np.inf
