"""What a model says about the times of a text: a score of each of its units in each frame."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asr.utterances.waveform import Waveform

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class UnitScores:
    """Scores of one clip's text, whose units are letters or labels.

    Attributes:
        scores: log-scale, shape (num_units, num_frames); the higher, the likelier the unit is
            spoken in the frame.
        words: index of each unit's word in ``text.split()``, shape (num_units,), rising. A word
            that has no unit, such as a dash, gets no time.
        frame_s: seconds of a frame.
        probabilities: of each word, 0 to 1, shape (num_words,).
        blank: score of CTC's blank in each frame, shape (num_frames,); None if there is no blank.
        labels: id of each unit, so that two equal labels keep a blank between them; None if there
            is no blank.
    """

    scores: Scores
    words: npt.NDArray[np.int_]
    frame_s: float
    probabilities: Scores
    blank: Scores | None = None
    labels: npt.NDArray[np.int_] | None = None


class Aligner(Protocol):
    """A model that scores the times of texts; the role ``alignment`` of a family opens it."""

    def unit_scores(self, waveform: Waveform, text: str, language: str) -> UnitScores | None:
        """Score a clip's text.

        Args:
            waveform: float32, mono, 16 kHz, not empty.
            text: what is said in the clip, or is believed to be.
            language: ISO 639 code.

        Returns:
            None if the text has nothing that the model can write, or is too long for it.
        """
