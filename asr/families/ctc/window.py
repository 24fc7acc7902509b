"""Seconds that an encoder computes for a clip.

Whisper's encoder gets the clip and a margin of silence, at most 30 s. What it writes about a clip
depends on the silence behind it, so the margin is a part of the model, and training and decoding
use the same. The other encoders compute the clip alone.
"""

import math

MAX_DURATION_S = 30.0  # the window of Whisper; attention of the others costs its square
STEP_S = 0.2  # clips of nearly the same length share a batch in CTranslate2, which has no masks


def computed_s(duration_s: float, margin_s: float | None) -> float:
    """Clip + margin in seconds, rounded up to ``STEP_S``, at most 30; without a margin the clip."""
    if margin_s is None:
        return duration_s
    # Rounded, because 3 * 0.2 is more than 0.6.
    steps = math.ceil(round((duration_s + margin_s) / STEP_S, 6))
    return min(MAX_DURATION_S, round(max(1, steps) * STEP_S, 1))
