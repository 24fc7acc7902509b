"""Seconds that the encoder computes for a clip: the clip and a margin of silence, at most 30 s.

What Whisper's encoder writes about a clip depends on the silence behind it: with a margin of 0.5 s
its output for five clips of a second differed by 0.74 from that in a window of 30 s, relative to
its length. A projector learns from either, but from one of them. So the margin is stored in the
model, training and decoding use the same, and a clip that looped is not tried with another.
"""

import math

MAX_DURATION_S = 30.0  # the window that Whisper was trained on: 1500 positions of 20 ms
STEP_S = 0.4  # 20 positions, so that stacks of 2, 4, 5 or 10 drop none
POSITIONS_PER_S = 50  # of the encoder


def context_s(duration_s: float, margin_s: float) -> float:
    """Seconds to compute for a clip: clip + margin, rounded up to ``STEP_S``, at most 30."""
    # Rounded, because 3 * 0.4 is more than 1.2.
    steps = math.ceil(round((duration_s + margin_s) / STEP_S, 6))
    return min(MAX_DURATION_S, round(max(1, steps) * STEP_S, 1))


def num_positions(context_s: float) -> int:
    """Number of encoder positions for a context of ``context_s`` seconds."""
    return round(context_s * POSITIONS_PER_S)
