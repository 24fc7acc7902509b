"""The longest clip of Qwen3-ASR, and the seconds that it computes for a clip.

The audio tower cuts a clip into chunks of one second, and attention stays within windows of 8 s. So
a clip costs its own length in whole seconds, and what is beyond it changes nothing: there is no
margin, as Whisper needs.
"""

import math

MAX_DURATION_S = 1200.0  # QwenLM's own package cuts longer audio: qwen_asr/inference/utils.py


def computed_seconds(duration_s: float) -> float:
    """Whole seconds that the audio tower computes for a clip."""
    return float(max(1, math.ceil(duration_s)))
