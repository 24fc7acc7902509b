"""Score the times of a text by the probabilities of CTC's labels."""

from pathlib import Path

import numpy as np
import torch

from asr.alignment.unit_scores import UnitScores
from asr.families.ctc.model.log_probs import log_probs
from asr.families.ctc.model.model import load
from asr.families.ctc.tokens.vocabulary import BLANK, BOUNDARY, UNKNOWN, Vocabulary, spelling
from asr.utterances.waveform import SAMPLE_RATE, Waveform


class CtcAligner:
    """A model in torch; see ``asr.alignment.unit_scores.Aligner``."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        """Load a model folder.

        Raises:
            InputError: if it holds no model of the family.
        """
        self._model = load(folder, device)

    def unit_scores(self, waveform: Waveform, text: str, language: str) -> UnitScores | None:
        """See ``asr.alignment.unit_scores.Aligner``; a word without a known letter has no unit."""
        vocabulary = self._model.vocabulary
        labels, words = known_labels(vocabulary, text)
        if not labels:
            return None
        all_scores = log_probs(self._model, [waveform])[0].astype(np.float64)
        frame_s = self._frame_s(waveform, len(all_scores))
        scores = all_scores[:, labels].T
        found = [np.exp(scores[words == word].max(1).mean()) if (words == word).any() else 0.0
                 for word in range(len(text.split()))]  # fmt: skip
        blank = np.logaddexp(
            all_scores[:, vocabulary.ids[BLANK]], all_scores[:, vocabulary.ids[BOUNDARY]]
        )
        return UnitScores(scores, words, frame_s, np.array(found), blank, np.array(labels))

    def _frame_s(self, waveform: Waveform, num_frames: int) -> float:
        """Seconds of a frame; the log-mel of Whisper's encoder goes beyond the clip."""
        if self._model.num_mels:
            return 0.02
        return len(waveform) / SAMPLE_RATE / num_frames


def known_labels(vocabulary: Vocabulary, text: str) -> tuple[list[int], np.ndarray]:
    """Labels of a text without those of unknown characters, and the index of each one's word."""
    labels, words = [], []
    lower = not any(token.isupper() for token in vocabulary.ids)
    for index, word in enumerate(text.split()):
        own = vocabulary.labels(spelling(word, lower=lower))
        kept = [label for label in own if label != vocabulary.ids[UNKNOWN]]
        labels += kept
        words += [index] * len(kept)
    return labels, np.array(words, int)
