"""An opened audio file, whichever library opened it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


class UndecodableError(Exception):
    """Bytes that hold no usable sound; the message says why."""


@dataclass(frozen=True)
class Stream:
    """An opened file.

    Attributes:
        format: ``WAV``, ``FLAC``, ``OGG`` …, by content.
        rate: samples a second.
        num_channels: side by side in a frame.
        blocks: each of shape (num_frames, num_channels), float32.
        num_frames: that should come, or None where the file doesn't say.
    """

    format: str
    rate: int
    num_channels: int
    blocks: Iterator[npt.NDArray[np.float32]]
    num_frames: int | None
