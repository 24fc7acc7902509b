"""Mix recorded or synthetic noise into speech at a given signal-to-noise ratio."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from asr.core.errors import InputError
from asr.utterances.waveform import SAMPLE_RATE, Waveform

_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".opus"}
_LOWEST_HZ = 20.0  # below, the spectrum is flat: else brown noise would be mostly inaudible
_MAX_EXPONENT = 2.0  # power falls as 1 / frequency ** exponent: 0 white, 1 pink, 2 brown


class Noise:
    """Random pieces of the recordings in a folder, or synthetic noise if there are none."""

    def __init__(self, folder: Path) -> None:
        """Check each recording in the folder and its subfolders.

        Raises:
            InputError: if the folder is missing or a recording can't be read; names it.
        """
        if not folder.is_dir():
            raise InputError(f"train.augment.noise.folder: expected a folder, got {str(folder)!r}")
        self.files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
        for path in self.files:
            _check(path)

    def piece(self, num_samples: int, rng: np.random.Generator) -> Waveform:
        """Draw a piece of noise, shape (num_samples,); a short recording is repeated to fill it."""
        if not self.files:
            return coloured_noise(num_samples, rng.uniform(0, _MAX_EXPONENT), rng)
        path = self.files[rng.integers(len(self.files))]
        with soundfile.SoundFile(path) as file:
            wanted = round(num_samples * file.samplerate / SAMPLE_RATE) + 1
            file.seek(int(rng.integers(max(1, file.frames - wanted + 1))))
            waveform = _waveform(file.read(wanted, "float32", always_2d=True), file.samplerate)
        return np.resize(waveform, num_samples)


def coloured_noise(num_samples: int, exponent: float, rng: np.random.Generator) -> Waveform:
    """Gaussian noise whose power falls as 1 / frequency ** ``exponent``; shape (num_samples,)."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    hz = np.fft.rfftfreq(num_samples, 1 / SAMPLE_RATE)
    shaped = spectrum * np.maximum(hz, _LOWEST_HZ) ** (-exponent / 2)
    return np.fft.irfft(shaped, num_samples).astype(np.float32)


def mix(speech: Waveform, noise: Waveform, snr_db: float) -> Waveform:
    """Add noise at ``snr_db`` below the speech, by mean power over the whole clip.

    If speech or noise is digital silence, the ratio is undefined and speech is returned unchanged.
    """
    levels = [float(np.sqrt(np.mean(one.astype(np.float64) ** 2))) for one in (speech, noise)]
    if min(levels) == 0.0:
        return speech
    gain = levels[0] / levels[1] * 10 ** (-snr_db / 20)
    return speech + np.float32(gain) * noise


def _check(path: Path) -> None:
    """Read the first second, so that a bad file fails before training starts."""
    try:
        with soundfile.SoundFile(path) as file:
            frames = file.read(file.samplerate, "float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{path}: expected a recording of noise, got {error}") from error
    if len(frames) == 0:
        raise InputError(f"{path}: expected a recording of noise, got no samples")


def _waveform(frames: npt.NDArray[np.float32], rate: int) -> Waveform:
    """Convert frames of shape (num_frames, num_channels) to mono, 16 kHz."""
    mono = frames.mean(axis=1)
    return np.asarray(soxr.resample(mono, rate, SAMPLE_RATE), dtype=np.float32)
