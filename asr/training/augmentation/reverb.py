"""Reverberation with a statistical impulse response (Polack, 1988).

After the direct sound, the response is Gaussian noise that decays by 60 dB in the reverberation
time T60. The model needs no room geometry and costs one convolution.
"""

import numpy as np

from asr.utterances.waveform import SAMPLE_RATE, Waveform

_FIRST_REFLECTION_S = 0.005  # sound travels 1.7 m: to the nearest wall and back


def impulse_response(t60_s: float, direct_db: float, rng: np.random.Generator) -> Waveform:
    """Draw an impulse response.

    Args:
        t60_s: reverberation time: seconds in which the response decays by 60 dB.
        direct_db: direct-to-reverberant ratio in dB.
        rng: random generator.

    Returns:
        Shape (num_samples,); the first sample is the direct sound, 1.
    """
    time_s = np.arange(round(t60_s * SAMPLE_RATE)) / SAMPLE_RATE
    response = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / t60_s)
    response[time_s < _FIRST_REFLECTION_S] = 0.0
    response *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(response**2))
    response[0] = 1.0
    return response.astype(np.float32)


def reverberate(waveform: Waveform, response: Waveform) -> Waveform:
    """Convolve a clip with a response; length and RMS level stay, the tail is cut."""
    size = 1 << (len(waveform) + len(response) - 2).bit_length()
    spectrum = np.fft.rfft(waveform, size) * np.fft.rfft(response, size)
    reverberant = np.fft.irfft(spectrum, size)[: len(waveform)]
    before, after = (
        float(np.sqrt(np.mean(np.square(w, dtype=np.float64)))) for w in (waveform, reverberant)
    )
    return (reverberant * (before / after if after > 0 else 1.0)).astype(np.float32)
