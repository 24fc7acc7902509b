"""Reverberation: how a room answers a clip.

The room is a statistical one (Polack, 1988): after the direct sound an answer of Gaussian noise
that loses 60 dB in the room's reverberation time. It has no walls and no corners, but nothing needs
to be known about it either, and it costs one convolution.
"""

import numpy as np

from asr.utterances.waveform import SAMPLE_RATE, Waveform

_FIRST_ANSWER_S = 0.005  # the way to the nearest wall and back, less than two metres


def room_response(t60_s: float, direct_db: float, chance: np.random.Generator) -> Waveform:
    """What a room makes of a click.

    Args:
        t60_s: seconds in which its answer loses 60 dB.
        direct_db: by how much the direct sound is stronger than the whole answer; 0 is as strong.
        chance: where the answer comes from.

    Returns:
        Shape (num_samples,); the direct sound is its first sample, 1.
    """
    time_s = np.arange(round(t60_s * SAMPLE_RATE)) / SAMPLE_RATE
    answer = chance.standard_normal(len(time_s)) * 10 ** (-3 * time_s / t60_s)
    answer[time_s < _FIRST_ANSWER_S] = 0.0
    answer *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(answer**2))
    answer[0] = 1.0
    return answer.astype(np.float32)


def in_room(waveform: Waveform, response: Waveform) -> Waveform:
    """The clip as it is heard in the room, as long and as loud as before: what rings on is cut."""
    size = 1 << (len(waveform) + len(response) - 2).bit_length()
    spectrum = np.fft.rfft(waveform, size) * np.fft.rfft(response, size)
    heard = np.fft.irfft(spectrum, size)[: len(waveform)]
    before, after = (
        float(np.sqrt(np.mean(np.square(w, dtype=np.float64)))) for w in (waveform, heard)
    )
    return (heard * (before / after if after > 0 else 1.0)).astype(np.float32)
