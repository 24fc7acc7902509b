"""Sounds without speech, computed: silence, noise, hum, music."""

from collections.abc import Callable, Sequence

import numpy as np

from asr.core.hashing import hash64
from asr.guards.kinds import SOUND, Clip, made_clip
from asr.guards.params import GuardsParams
from asr.training.augmentation.noise import coloured_noise
from asr.utterances.waveform import SAMPLE_RATE, Waveform

SHORTEST_S = 1.0
# Peaks of all but silence, in dB below full scale: from a quiet room to a loud one.
QUIETEST_DBFS, LOUDEST_DBFS = -40.0, -10.0
MAINS_HZ = (50.0, 60.0)
NUM_HARMONICS = 12  # of the hum, up to 720 Hz
NOTE_S = 0.25  # an eighth at 120 beats a minute
SCALE = (0, 2, 4, 7, 9)  # semitones of the major pentatonic scale
LOWEST_NOTE_HZ = 130.8  # C3


def silence(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Digital silence."""
    return np.zeros(num_samples, np.float32)


def white_noise(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Equal power at all frequencies."""
    return coloured_noise(num_samples, 0.0, rng)


def pink_noise(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Power as 1 / frequency."""
    return coloured_noise(num_samples, 1.0, rng)


def brown_noise(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Power as 1 / frequency², such as wind or a far road."""
    return coloured_noise(num_samples, 2.0, rng)


def hum(num_samples: int, rng: np.random.Generator) -> Waveform:
    """The mains and their harmonics, the n-th with an amplitude up to 1 / n."""
    time_s = np.arange(num_samples) / SAMPLE_RATE
    mains_hz = MAINS_HZ[rng.integers(len(MAINS_HZ))]
    mixed = np.zeros(num_samples)
    for n in range(1, NUM_HARMONICS + 1):
        wave = np.sin(2 * np.pi * (n * mains_hz * time_s + rng.uniform()))
        mixed += rng.uniform(0.2, 1.0) / n * wave
    return mixed.astype(np.float32)


def music(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Plucked strings: a melody of eighths over a bass of half notes, no voice."""
    mixed = np.zeros(num_samples)
    length, degree = round(NOTE_S * SAMPLE_RATE), 10
    for number, start in enumerate(range(0, num_samples, length)):
        degree = int(np.clip(degree + rng.integers(-2, 3), 5, 14))
        notes = [(degree, 2 * length, 0.6)]
        if number % 4 == 0:
            notes.append((int(rng.integers(0, 5)), 6 * length, 1.0))
        for note, lasts, gain in notes:
            end = min(num_samples, start + lasts)
            mixed[start:end] += gain * _string(note)[: end - start]
    return mixed.astype(np.float32)


def _string(degree: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A plucked string of the scale: six harmonics that fade, the high ones first."""
    octave, step = divmod(degree, len(SCALE))
    hz = LOWEST_NOTE_HZ * 2 ** (octave + SCALE[step] / 12)
    time_s = np.arange(round(6 * NOTE_S * SAMPLE_RATE)) / SAMPLE_RATE
    waves = [np.sin(2 * np.pi * n * hz * time_s) * np.exp(-2.5 * n * time_s) / n
             for n in range(1, 7)]  # fmt: skip
    whole: np.ndarray[tuple[int], np.dtype[np.float64]] = np.sum(waves, axis=0)
    return whole


SOUNDS: dict[str, Callable[[int, np.random.Generator], Waveform]] = {
    "silence": silence,
    "white_noise": white_noise,
    "pink_noise": pink_noise,
    "brown_noise": brown_noise,
    "hum": hum,
    "music": music,
}


def sound_clips(languages: Sequence[str], params: GuardsParams) -> list[Clip]:
    """Clips of each sound, from ``SHORTEST_S`` to ``max_sound_s``; languages take turns.

    Each language has a clip of each sound, even if that makes more than ``num_sound_clips``.
    """
    num = max(params.num_sound_clips, len(languages)) if params.num_sound_clips else 0
    clips = []
    for sound, make in SOUNDS.items():
        for number, seconds in enumerate(np.geomspace(SHORTEST_S, params.max_sound_s, num)):
            # Another sound or number of clips changes no other clip's randomness.
            rng = np.random.default_rng(hash64(f"{params.seed}-{sound}-{number}"))
            waveform = _levelled(make(round(seconds * SAMPLE_RATE), rng), rng)
            language = languages[number % len(languages)]
            clips.append(
                made_clip(SOUND, f"{sound}-{number}", waveform, language, sound, {SOUND: sound})
            )
    return clips


def _levelled(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    peak = float(np.abs(waveform).max())
    if peak == 0.0:
        return waveform
    return waveform * np.float32(10 ** (rng.uniform(QUIETEST_DBFS, LOUDEST_DBFS) / 20) / peak)
