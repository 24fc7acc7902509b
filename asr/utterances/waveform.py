"""Sound as every model here hears it: mono, 16 kHz, float32 in [-1, 1]."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000  # samples a second
FULL_SCALE = 32_768  # int16's, which a waveform calls 1.0

Waveform = npt.NDArray[np.float32]  # shape (num_samples,)
Samples = npt.NDArray[np.int16]  # the same, as it is stored


class Clips(Protocol):
    """Waveforms by position, held or read as their owner likes."""

    def __getitem__(self, index: int, /) -> Waveform:
        """Float32, mono, 16 kHz."""


def to_int16(waveform: Waveform) -> Samples:
    """Round to int16, little endian on every machine; what overshoots full scale is clipped."""
    return np.clip(np.rint(waveform * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")


def from_int16(samples: Samples) -> Waveform:
    """The waveform of stored samples; ``to_int16`` gives them back exactly."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def peak_dbfs(waveform: Waveform) -> float:
    """Level of the loudest sample in dB below full scale: 0 is full scale, -inf digital silence."""
    peak = float(np.abs(waveform).max())
    return 20 * float(np.log10(peak)) if peak > 0 else -np.inf
