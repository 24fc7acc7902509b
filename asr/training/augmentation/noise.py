"""Noise under speech, at a given distance in level: recorded, or synthetic."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from asr.core.errors import InputError
from asr.utterances.waveform import SAMPLE_RATE, Waveform

_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".opus"}
_LOWEST_HZ = 20.0  # below it brown noise would be one slow wave
_STEEPEST = 2.0  # power falls with frequency to the power of this: 0 white, 1 pink, 2 brown


class Noise:
    """The recordings of a folder, read piece by piece; synthetic noise where there are none."""

    def __init__(self, folder: Path) -> None:
        """Look at each recording in the folder and its subfolders.

        Raises:
            InputError: naming the folder that isn't there, or the file that can't be used.
        """
        if not folder.is_dir():
            raise InputError(f"train.augment.noise.folder: expected a folder, got {str(folder)!r}")
        self.files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
        for path in self.files:
            _check(path)

    def piece(self, num_samples: int, chance: np.random.Generator) -> Waveform:
        """Noise of any level, shape (num_samples,); a recording that is too short is repeated."""
        if not self.files:
            return coloured_noise(num_samples, chance.uniform(0, _STEEPEST), chance)
        path = self.files[chance.integers(len(self.files))]
        with soundfile.SoundFile(path) as file:
            wanted = round(num_samples * file.samplerate / SAMPLE_RATE) + 1
            file.seek(int(chance.integers(max(1, file.frames - wanted + 1))))
            waveform = _waveform(file.read(wanted, "float32", always_2d=True), file.samplerate)
        return np.resize(waveform, num_samples)


def coloured_noise(num_samples: int, steepness: float, chance: np.random.Generator) -> Waveform:
    """Gaussian noise whose power falls with frequency to the power of ``steepness``."""
    spectrum = np.fft.rfft(chance.standard_normal(num_samples))
    hz = np.fft.rfftfreq(num_samples, 1 / SAMPLE_RATE)
    shaped = spectrum * np.maximum(hz, _LOWEST_HZ) ** (-steepness / 2)
    return np.fft.irfft(shaped, num_samples).astype(np.float32)


def mixed(speech: Waveform, noise: Waveform, snr_db: float) -> Waveform:
    """Speech over noise whose power, over the whole clip, is ``snr_db`` below the speech's.

    Silence on either side stays alone: there is no level to compare with.
    """
    levels = [float(np.sqrt(np.mean(one.astype(np.float64) ** 2))) for one in (speech, noise)]
    if min(levels) == 0.0:
        return speech
    gain = levels[0] / levels[1] * 10 ** (-snr_db / 20)
    return speech + np.float32(gain) * noise


def _check(path: Path) -> None:
    """A recording that can't be read, or is silent, is better known before training than in it."""
    try:
        with soundfile.SoundFile(path) as file:
            frames = file.read(file.samplerate, "float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{path}: expected a recording of noise, got {error}") from error
    if len(frames) == 0:
        raise InputError(f"{path}: expected a recording of noise, got no samples")


def _waveform(frames: npt.NDArray[np.float32], rate: int) -> Waveform:
    """Mono, 16 kHz, of frames of shape (num_frames, num_channels)."""
    mono = frames.mean(axis=1)
    return np.asarray(soxr.resample(mono, rate, SAMPLE_RATE), dtype=np.float32)
