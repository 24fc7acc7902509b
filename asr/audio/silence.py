"""Find silence in a waveform, relative to the level of its own loudest parts.

One microphone's noise can be as loud as another's speech, so no absolute threshold works.
"""

import numpy as np
import numpy.typing as npt

from asr.audio.params import SilenceParams
from asr.utterances.waveform import SAMPLE_RATE, Waveform

FRAME_SAMPLES = SAMPLE_RATE // 100  # 10 ms: shorter than any sound of speech
MIN_S = 0.1  # a shorter clip has no word, and no model computes it: HuBERT needs 400 samples
_LOUD_QUANTILE = 0.95  # of frames; the very loudest may be a click


def silent_frames(waveform: Waveform, below_db: float) -> npt.NDArray[np.bool_]:
    """Whether each frame of 10 ms is silent; the last may be shorter.

    Args:
        waveform: shape (num_samples,), at least one.
        below_db: a frame is silent if it is more than this many dB below the loud frames.

    Returns:
        Booleans, shape (ceil(num_samples / 160),).
    """
    starts = np.arange(0, len(waveform), FRAME_SAMPLES)
    sizes = np.diff(starts, append=len(waveform))
    power = np.add.reduceat(np.square(waveform, dtype=np.float64), starts) / sizes
    loud = np.quantile(power, _LOUD_QUANTILE, method="higher")
    # Zeros are silent even if the whole waveform is zero and no frame is below the threshold.
    silent: npt.NDArray[np.bool_] = (power < loud * 10 ** (-below_db / 10)) | (power == 0)
    return silent


def silence_share(waveform: Waveform, below_db: float) -> float:
    """Fraction of silent 10 ms frames, 0 to 1."""
    return float(silent_frames(waveform, below_db).mean())


def trim_bounds(waveform: Waveform, params: SilenceParams) -> tuple[int, int]:
    """Trim silence at both ends; return the first sample and the end (exclusive).

    Keeps ``params.margin_s`` seconds on both sides, since the start of a consonant is quieter than
    any threshold. A waveform that is silent throughout stays whole.
    """
    loud = np.flatnonzero(~silent_frames(waveform, params.below_db))
    if len(loud) == 0:
        return 0, len(waveform)
    margin = round(params.margin_s * SAMPLE_RATE)
    start = int(loud[0]) * FRAME_SAMPLES - margin
    end = (int(loud[-1]) + 1) * FRAME_SAMPLES + margin
    return max(0, start), min(len(waveform), end)


def cut_at_silences(
    waveform: Waveform, max_duration_s: float, params: SilenceParams
) -> list[tuple[int, int]]:
    """Cut a waveform into pieces of at most ``max_duration_s`` seconds, without gap or overlap.

    A cut must lie in the second half of the longest possible piece, so that pieces are not short.
    There it takes the middle of the longest silence, or the quietest frame if there is no silence.
    No cut lies in the last ``MIN_S`` seconds.

    Args:
        waveform: shape (num_samples,), at least one.
        max_duration_s: of a piece, at least 0.3.
        params: defines silence.

    Returns:
        First sample and end (exclusive) of each piece.
    """
    silent = silent_frames(waveform, params.below_db)
    longest = round(max_duration_s * SAMPLE_RATE) // FRAME_SAMPLES
    latest = (len(waveform) - round(MIN_S * SAMPLE_RATE)) // FRAME_SAMPLES
    cuts = [0]
    while len(silent) - cuts[-1] > longest:
        low, high = cuts[-1] + longest // 2 + 1, min(cuts[-1] + longest, latest + 1)
        cuts.append(low + _middle_of_longest(silent[low:high], waveform, low))
    ends = [*(cut * FRAME_SAMPLES for cut in cuts[1:]), len(waveform)]
    return list(zip((cut * FRAME_SAMPLES for cut in cuts), ends, strict=True))


def _middle_of_longest(silent: npt.NDArray[np.bool_], waveform: Waveform, offset: int) -> int:
    """Index of the frame in the middle of the longest silence, or of the quietest frame."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if len(starts):
        best = int(np.argmax(ends - starts))
        return int(starts[best] + ends[best]) // 2
    first = offset * FRAME_SAMPLES
    frames = waveform[first : first + len(silent) * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return int(np.argmin(np.square(frames).sum(axis=1)))
