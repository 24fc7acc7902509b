"""SpecAugment (Park et al., 2019): mask stripes of the log-mel against overfitting.

With an hour of speech a model memorizes the clips within several epochs. Masking other parts of
them in each epoch prevents this.
"""

from collections.abc import Sequence

import torch

from asr.training.params import SpecAugmentParams


def spec_augment(
    log_mel: torch.Tensor,
    num_frames: Sequence[int],
    params: SpecAugmentParams,
    generators: Sequence[torch.Generator],
) -> torch.Tensor:
    """Mask stripes of time and of frequency in each clip.

    Args:
        log_mel: shape (batch, num_mels, num_frames); not modified.
        num_frames: frames of each clip, without padding.
        params: number and largest width of the masks.
        generators: one per clip, so that its masks don't depend on the other clips of the batch.

    Returns:
        A copy; masked values are the lowest value of the clip, which is silence.
    """
    masked = log_mel.clone()
    for clip, frames, generator in zip(masked, num_frames, generators, strict=True):
        silence = clip.min()
        for _ in range(params.num_time_masks):
            start, end = _stripe(frames, round(frames * params.max_time_share), generator)
            clip[:, start:end] = silence
        for _ in range(params.num_mel_masks):
            start, end = _stripe(clip.shape[0], params.max_mel_bins, generator)
            clip[start:end] = silence
    return masked


def _stripe(size: int, widest: int, generator: torch.Generator) -> tuple[int, int]:
    """Draw start and end of a stripe of 0 to ``widest`` indices within ``size``."""
    width = int(torch.randint(min(widest, size) + 1, (), generator=generator))
    start = int(torch.randint(size - width + 1, (), generator=generator))
    return start, start + width
