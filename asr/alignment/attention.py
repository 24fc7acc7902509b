"""Times from attention: which heads follow the speech, and what they say about each frame.

A decoder that reads speech attends to it as it writes. Some heads follow the speech from left to
right, others look at its whole; which ones differs from model to model, and tuning moves them. So
the heads are chosen anew for each clip, by how steadily they move forward. The idea is that of
«Whisper Has an Internal Word Aligner» (arXiv 2509.09987), as is the finding that text forced
letter by letter gives better times than word pieces.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from asr.alignment.unit_scores import Scores

_MIN_SHARE = 1e-3  # of a frame's attention; a logarithm of less would let single frames decide
_TINY = 1e-9

Attention = npt.NDArray[np.float32]


def scores_of_attention(
    predicts: Attention, reads: Attention, num_heads: int, smooth_frames: int
) -> Scores:
    """Turn the attention of all heads into scores of each unit in each frame.

    Args:
        predicts: attention at the positions that predict the units, shape (all heads, num_units,
            num_frames).
        reads: at the positions that read the units, one later, same shape.
        num_heads: heads to take, the most monotone ones.
        smooth_frames: width of the median filter over frames, odd.

    Returns:
        Logarithms of each unit's share of a frame's attention, shape (num_units, num_frames).
    """
    # What predicts a unit looks at its start, and what reads it at its end: the mean is between.
    both: Attention = (predicts + reads) / np.float32(2)
    return shares_of_frames(both[most_monotone(both, num_heads)], smooth_frames)


def shares_of_frames(attention: Attention, smooth_frames: int) -> Scores:
    """Logarithm of each unit's share of a frame's attention, by the mean of some heads.

    Args:
        attention: shape (num_heads, num_units, num_frames).
        smooth_frames: as above.

    Returns:
        Shape (num_units, num_frames).
    """
    if smooth_frames > 1:
        attention = smoothed(attention, smooth_frames)
    mean = (attention.astype(np.float64) / (attention.sum(-1, keepdims=True) + _TINY)).mean(0)
    shares: Scores = mean / (mean.sum(0, keepdims=True) + _TINY)
    return np.log(shares + _MIN_SHARE)


def most_monotone(attention: Attention, num: int) -> npt.NDArray[np.int_]:
    """The heads whose center of attention moves most steadily forward, the best first.

    The measure is the correlation of a unit's place in the text with its center of attention.

    Args:
        attention: shape (all heads, num_units, num_frames).
        num: how many heads to choose.
    """
    frames = np.arange(attention.shape[-1])
    centers = (attention * frames).sum(-1) / (attention.sum(-1) + _TINY)
    centers = centers - centers.mean(-1, keepdims=True)
    places = np.arange(attention.shape[1]) - (attention.shape[1] - 1) / 2
    norms = np.sqrt((centers**2).sum(-1) * (places**2).sum()) + _TINY
    return np.argsort(-(centers @ places) / norms, kind="stable")[:num]


def smoothed(attention: Attention, width: int) -> Attention:
    """Median over ``width`` frames, which removes single frames that a head looks at by accident.

    Args:
        attention: shape (num_heads, num_units, num_frames).
        width: odd.
    """
    edges = ((0, 0), (0, 0), (width // 2, width // 2))
    windows = sliding_window_view(np.pad(attention, edges, mode="reflect"), width, axis=-1)
    return np.median(windows, axis=-1)
