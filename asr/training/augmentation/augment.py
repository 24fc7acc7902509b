"""Waveform augmentation: random pitch shift, reverberation and noise, new in each epoch.

Each kind has its own share and its own random generator, seeded by the example. So a resumed run
gets the same waveforms, and turning one kind on does not change the others. We don't use
audiomentations 0.43: it needs an older soxr and installs librosa and numba. Our pitch shift is the
same as its, Signalsmith's.
"""

from pathlib import Path

import numpy as np

from asr.training.augmentation.noise import Noise, mix
from asr.training.augmentation.reverb import impulse_response, reverberate
from asr.training.params import AugmentParams
from asr.utterances.waveform import SAMPLE_RATE, Waveform


class Augmentation:
    """Augments the waveform of an example by ``train.augment``."""

    def __init__(self, params: AugmentParams, noise: Path) -> None:
        """Read the noise recordings in the folder ``noise``, if ``noise.share`` is above 0.

        Raises:
            InputError: if ``Noise`` can't use the folder.
        """
        self.params = params
        self.noise = Noise(noise) if params.noise.share else None

    def __call__(self, waveform: Waveform, seed: int) -> Waveform:
        """Augment the waveform of an example.

        Args:
            waveform: float32, mono, 16 kHz.
            seed: the seed of the example.

        Returns:
            A waveform of the same length, scaled down if it exceeds full scale; the same array if
            no kind was drawn.
        """
        params, generators = self.params, _generators(seed)
        changed = waveform
        # In physical order: the voice, its reverberation in the room, then other sounds.
        if generators["pitch"].random() < params.pitch.share:
            most = params.pitch.most_semitones
            changed = shift_pitch(changed, generators["pitch"].uniform(-most, most))
        if generators["reverb"].random() < params.reverb.share:
            rng, reverb = generators["reverb"], params.reverb
            t60_s = rng.uniform(reverb.min_t60_s, reverb.max_t60_s)
            direct_db = rng.uniform(reverb.min_direct_db, reverb.max_direct_db)
            changed = reverberate(changed, impulse_response(t60_s, direct_db, rng))
        if self.noise is not None and generators["noise"].random() < params.noise.share:
            rng, noise = generators["noise"], params.noise
            snr_db = rng.uniform(noise.min_snr_db, noise.max_snr_db)
            changed = mix(changed, self.noise.piece(len(changed), rng), snr_db)
        if changed is waveform:
            return waveform
        scaled: Waveform = changed / max(np.float32(1.0), np.abs(changed).max())
        return scaled


def shift_pitch(waveform: Waveform, semitones: float) -> Waveform:
    """Shift the pitch by ``semitones``; the length stays."""
    from python_stretch.Signalsmith import Stretch

    stretch = Stretch(0)  # a fixed seed for its random phases
    stretch.preset(1, SAMPLE_RATE)
    stretch.setTransposeSemitones(semitones)
    shifted: Waveform = np.asarray(stretch.process(waveform[np.newaxis]), np.float32)[0]
    return shifted


def _generators(seed: int) -> dict[str, np.random.Generator]:
    """One random generator per kind, so that no kind changes the draws of another."""
    kinds = ("pitch", "reverb", "noise")
    return {kind: np.random.default_rng([seed, number]) for number, kind in enumerate(kinds)}
