"""The common interface of the decoding libraries: an opened audio file."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


class UndecodableError(Exception):
    """The bytes can't be decoded to usable audio; the message gives the reason."""


@dataclass(frozen=True)
class Stream:
    """An opened file.

    Attributes:
        format: ``WAV``, ``FLAC``, ``OGG`` …, by content.
        rate: in Hz.
        num_channels: samples in each frame.
        blocks: decoded audio, each block of shape (num_frames, num_channels), float32.
        num_frames: total by the file's header, None if it states none.
    """

    format: str
    rate: int
    num_channels: int
    blocks: Iterator[npt.NDArray[np.float32]]
    num_frames: int | None
