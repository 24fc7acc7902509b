"""Augmentation: a clip as another voice, room or street would have made it, anew in each epoch.

Each kind has its own chance, and what it does to an example is drawn from the example's seed alone:
training that was interrupted goes on with the same sounds, and turning one kind on leaves the
others as they were. Our own and not audiomentations 0.43, which needs a soxr older than ours and
brings librosa and numba; its pitch shift, Signalsmith's, is here too.
"""

from pathlib import Path

import numpy as np

from asr.training.augmentation.noise import Noise, mixed
from asr.training.augmentation.reverb import in_room, room_response
from asr.training.params import AugmentParams
from asr.utterances.waveform import SAMPLE_RATE, Waveform


class Augmentation:
    """What may happen to an example."""

    def __init__(self, params: AugmentParams, noise: Path) -> None:
        """Take section ``train.augment`` and the folder of recordings of noise.

        Raises:
            InputError: as ``Noise``, if some clips are to have any.
        """
        self.params = params
        self.noise = Noise(noise) if params.noise.share else None

    def __call__(self, waveform: Waveform, seed: int) -> Waveform:
        """The example as it is heard this time.

        Args:
            waveform: of the example.
            seed: the example's own.

        Returns:
            As long as before; the same array where chance left it alone. What would overshoot full
            scale is turned down.
        """
        params, chances = self.params, _chances(seed)
        changed = waveform
        # First the voice, then the room around it, then what else sounds there.
        if chances["pitch"].random() < params.pitch.share:
            most = params.pitch.most_semitones
            changed = shifted(changed, chances["pitch"].uniform(-most, most))
        if chances["reverb"].random() < params.reverb.share:
            chance, reverb = chances["reverb"], params.reverb
            t60_s = chance.uniform(reverb.min_t60_s, reverb.max_t60_s)
            direct_db = chance.uniform(reverb.min_direct_db, reverb.max_direct_db)
            changed = in_room(changed, room_response(t60_s, direct_db, chance))
        if self.noise is not None and chances["noise"].random() < params.noise.share:
            chance, noise = chances["noise"], params.noise
            snr_db = chance.uniform(noise.min_snr_db, noise.max_snr_db)
            changed = mixed(changed, self.noise.piece(len(changed), chance), snr_db)
        if changed is waveform:
            return waveform
        within: Waveform = changed / max(np.float32(1.0), np.abs(changed).max())
        return within


def shifted(waveform: Waveform, semitones: float) -> Waveform:
    """The clip higher or lower by ``semitones``, as long as before."""
    from python_stretch.Signalsmith import Stretch

    stretch = Stretch(0)  # its random phases are the same each time
    stretch.preset(1, SAMPLE_RATE)
    stretch.setTransposeSemitones(semitones)
    higher: Waveform = np.asarray(stretch.process(waveform[np.newaxis]), np.float32)[0]
    return higher


def _chances(seed: int) -> dict[str, np.random.Generator]:
    """One for each kind, so that none draws from what another leaves."""
    kinds = ("pitch", "reverb", "noise")
    return {kind: np.random.default_rng([seed, number]) for number, kind in enumerate(kinds)}
