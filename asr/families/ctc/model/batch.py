"""A batch as an encoder reads it."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Masks:
    """SpecAugment of one clip.

    Attributes:
        frames: which frames are masked, shape (num_frames,).
        bands: which of 80 bands of frequency are, shape (80,).
    """

    frames: torch.Tensor
    bands: torch.Tensor


@dataclass(frozen=True)
class Inputs:
    """A batch on the CPU; zeros follow each clip.

    Attributes:
        features: samples, shape (batch, num_samples); frames, (batch, num_frames, num_bins); or
            the log-mel of Whisper, (batch, num_bins, num_frames).
        lengths: samples or frames of each clip; of Whisper the encoder's positions.
        frames: outputs of each clip.
        masks: masks that the network applies to its own frames, with waveforms alone.
    """

    features: torch.Tensor
    lengths: tuple[int, ...]
    frames: tuple[int, ...]
    masks: tuple[Masks, ...] = ()
