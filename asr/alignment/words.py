"""Words with start, end and confidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.alignment.forced import forced_alignment
from asr.alignment.params import AlignParams
from asr.alignment.pauses import FRAME_S, is_quiet, pause_scores
from asr.alignment.unit_scores import Aligner, UnitScores
from asr.utterances.waveform import SAMPLE_RATE, Waveform


@dataclass(frozen=True)
class Word:
    """A word of a transcript.

    Attributes:
        text: as written, with its punctuation.
        start_s: seconds from the start of the clip; None if the word has no sound of its own,
            such as a dash, or could not be aligned.
        end_s: seconds; None as ``start_s``.
        confidence: the model's probability of the word, 0 to 1; None as ``start_s``.
    """

    text: str
    start_s: float | None
    end_s: float | None
    confidence: float | None


def aligned_words(
    aligner: Aligner, waveform: Waveform, text: str, language: str, params: AlignParams
) -> list[Word]:
    """Find the times of each word of a text in its clip.

    Args:
        aligner: the model.
        waveform: float32, mono, 16 kHz, not empty.
        text: of the clip; its words are what spaces separate.
        language: ISO 639 code.
        params: section ``align``.

    Returns:
        All words, in order, none of them before the one before it.
    """
    words = text.split()
    unit_scores = aligner.unit_scores(waveform, text, language) if words else None
    times = None if unit_scores is None else word_times(unit_scores, waveform, params)
    if unit_scores is None or times is None:
        return [Word(word, None, None, None) for word in words]
    return [
        Word(word, *times[index], round(float(unit_scores.probabilities[index]), 3))
        if index in times
        else Word(word, None, None, None)
        for index, word in enumerate(words)
    ]


def word_times(
    unit_scores: UnitScores, waveform: Waveform, params: AlignParams
) -> dict[int, tuple[float, float]] | None:
    """Start and end of each word that has units, in seconds; None if they don't fit."""
    quiet = is_quiet(waveform, params.pause_below_db, params.pause_floor_share)
    scores = _on_grid(unit_scores.scores, unit_scores.frame_s, len(quiet))
    owners = unit_scores.words
    ends_word = np.append(owners[1:] != owners[:-1], True)
    if unit_scores.blank is None:
        bounds = forced_alignment(scores, pause_scores(quiet), ends_word, np.zeros_like(ends_word))
    else:
        blank = _on_grid(unit_scores.blank[None], unit_scores.frame_s, len(quiet))[0]
        labels = np.asarray(unit_scores.labels)
        repeats = np.append(labels[1:] == labels[:-1], False)
        bounds = forced_alignment(scores, blank, np.ones_like(ends_word), repeats)
    if bounds is None:
        return None
    duration_s = len(waveform) / SAMPLE_RATE
    found = {}
    for word in np.unique(owners):
        own = bounds[owners == word]
        start, end = int(own[0, 0]), int(own[-1, 1])
        found[int(word)] = (
            round(start * FRAME_S, 2),
            round(min(end * FRAME_S, duration_s), 2),
        )
    return found


def _on_grid(scores: np.ndarray, frame_s: float, num_frames: int) -> np.ndarray:
    """Repeat frames of ``frame_s``, so that they are of 20 ms; cut or extend to ``num_frames``."""
    places = ((np.arange(num_frames) + 0.5) * FRAME_S / frame_s).astype(int)
    return scores[:, np.minimum(places, scores.shape[1] - 1)]


def coverage(clips: Sequence[Sequence[Word]]) -> float:
    """Share of clips in which every word that has letters has a time."""
    with_times = [
        all(word.start_s is not None for word in words if any(map(str.isalnum, word.text)))
        for words in clips
    ]
    return sum(with_times) / max(1, len(with_times))
