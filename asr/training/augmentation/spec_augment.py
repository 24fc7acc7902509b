"""SpecAugment (Park et al., 2019): hide stripes of the spectrogram, that no one cue be learned.

With an hour of speech and several epochs a model learns the clips by heart; it can't if each time
another part of them is missing.
"""

from collections.abc import Sequence

import torch

from asr.training.params import SpecAugmentParams


def spec_augment(
    log_mel: torch.Tensor,
    num_frames: Sequence[int],
    params: SpecAugmentParams,
    chances: Sequence[torch.Generator],
) -> torch.Tensor:
    """Hide stripes of time and of frequency in each clip.

    Args:
        log_mel: shape (batch, num_mels, num_frames); left as it is.
        num_frames: each clip's own, without the silence behind it.
        params: how many stripes, and how wide.
        chances: each clip's own, so that its stripes don't depend on its company.

    Returns:
        A copy; what is hidden is the clip's lowest value, which is silence.
    """
    masked = log_mel.clone()
    for clip, frames, chance in zip(masked, num_frames, chances, strict=True):
        silence = clip.min()
        for _ in range(params.num_time_masks):
            start, end = _stripe(frames, round(frames * params.max_time_share), chance)
            clip[:, start:end] = silence
        for _ in range(params.num_mel_masks):
            start, end = _stripe(clip.shape[0], params.max_mel_bins, chance)
            clip[start:end] = silence
    return masked


def _stripe(size: int, widest: int, chance: torch.Generator) -> tuple[int, int]:
    """A random stretch of 0 to ``widest`` places within ``size``."""
    width = int(torch.randint(min(widest, size) + 1, (), generator=chance))
    start = int(torch.randint(size - width + 1, (), generator=chance))
    return start, start + width
