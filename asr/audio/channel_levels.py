"""Measure whether the channels of a recording cancel each other out when they are averaged."""

import numpy as np
import numpy.typing as npt

from asr.utterances.waveform import Waveform

# Of the channels' mean power. One microphone of 32 that is connected leaves 1/32, noise that the
# channels do not share 1/32 as well.
_CANCELLED = 0.01


class ChannelLevels:
    """Power of each channel and of their average, block by block, without the DC offset."""

    def __init__(self) -> None:
        self._num_frames = 0
        self._sums: npt.NDArray[np.float64] | float = 0.0
        self._squares: npt.NDArray[np.float64] | float = 0.0

    def add(self, block: npt.NDArray[np.float32], mono: Waveform) -> None:
        """Count a block, shape (num_frames, num_channels), and its average."""
        both = np.column_stack([block, mono])
        self._num_frames += len(mono)
        self._sums = self._sums + both.sum(axis=0, dtype=np.float64)
        self._squares = self._squares + np.square(both, dtype=np.float64).sum(axis=0)

    def loudest_of_cancelled(self) -> int | None:
        """The loudest channel if the average has lost its sound, None if it has not."""
        if not self._num_frames:
            return None
        mean = np.asarray(self._sums) / self._num_frames
        power = np.asarray(self._squares) / self._num_frames - mean**2
        channels, average = power[:-1], power[-1]
        # float32 rounds, so that silence has some power too; 1e-10 is -100 dBFS.
        if channels.mean() < 1e-10 or average >= _CANCELLED * channels.mean():
            return None
        return int(np.argmax(channels))
