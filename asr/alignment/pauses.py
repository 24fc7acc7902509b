"""Where nobody speaks, by energy."""

import numpy as np
import numpy.typing as npt

from asr.alignment.unit_scores import Scores
from asr.utterances.waveform import SAMPLE_RATE, Waveform

FRAME_S = 0.02  # of word times; Whisper's own, and a quarter of the language models'
_FRAME = round(FRAME_S * SAMPLE_RATE)
_IN_SPEECH = -8.0  # score of a pause in a loud frame: a short stop inside a word may be louder
_DIGITAL_SILENCE_DB = -99.0  # less than one step of 16 bits in a frame
_SPEECH_RANGE_DB = (
    26.0  # from vowels to quiet consonants; at 20, clean speech of eSpeak NG got worse
)
_LOUD, _QUIET = 95, 5  # percentiles of a clip's energy


def is_quiet(waveform: Waveform, below_db: float, floor_share: float) -> npt.NDArray[np.bool_]:
    """Whether each frame of 20 ms is quiet, shape (num_frames,).

    Args:
        waveform: float32, 16 kHz.
        below_db: quiet is what is so many dB below the loud parts; a clip with little noise.
        floor_share: or what is above the quiet parts by no more than this share of the distance
            to the loud ones, at most 3 dB; a clip with much noise.
    """
    num_frames = max(1, -(-len(waveform) // _FRAME))
    padded = np.pad(waveform.astype(np.float64), (0, num_frames * _FRAME - len(waveform)))
    energy = (padded.reshape(num_frames, _FRAME) ** 2).mean(1)
    level = 10 * np.log10(energy + 1e-10)
    loud, floor = np.percentile(level, [_LOUD, _QUIET])
    heard = level[level > _DIGITAL_SILENCE_DB]
    if floor <= _DIGITAL_SILENCE_DB and len(heard):
        # Silence between joined clips is no floor: the noise of a room, which is above it, would
        # count as speech, and words would end 0.3 s late. What is louder is no noise of a room.
        room = np.percentile(heard, _QUIET)
        floor = room if room < loud - _SPEECH_RANGE_DB else floor
    most = max(loud - below_db, floor + min(3.0, floor_share * (loud - floor)))
    quiet: npt.NDArray[np.bool_] = level < most
    return quiet


def pause_scores(quiet: npt.NDArray[np.bool_]) -> Scores:
    """Score of a pause in each frame: the best in a quiet one, since units share their frame."""
    return np.where(quiet, 0.0, _IN_SPEECH)
