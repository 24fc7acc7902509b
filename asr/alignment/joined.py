"""How far off word times are, measured on recordings whose pauses are known.

Clips of one language are joined with pauses between them. Where each clip's speech starts and ends
is known from its energy alone; the aligner gets the whole text and has to find these places. That
takes no reference times, which no corpus of a small language has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.alignment.params import AlignParams
from asr.alignment.pauses import FRAME_S, is_quiet
from asr.alignment.unit_scores import Aligner
from asr.alignment.words import aligned_words
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Clips, Waveform

CLIPS_A_RECORDING = 3
PAUSES_S = (0.2, 0.5, 1.0)  # before the first clip, and between
MAX_S = 20.0


@dataclass(frozen=True)
class Joined:
    """A recording of joined clips.

    Attributes:
        waveform: float32, mono, 16 kHz.
        texts: of each clip.
        speech: start and end of each clip's speech, in seconds.
        language: ISO 639 code.
    """

    waveform: Waveform
    texts: tuple[str, ...]
    speech: tuple[tuple[float, float], ...]
    language: str


def joined_clips(
    utterances: Sequence[Utterance], clips: Clips, num: int, params: AlignParams
) -> list[Joined]:
    """Join clips of one language in their order, at most ``num`` recordings."""
    recordings: list[Joined] = []
    for language in sorted({one.language for one in utterances}):
        own = [index for index, one in enumerate(utterances) if one.language == language]
        for first in range(0, len(own) - CLIPS_A_RECORDING + 1, CLIPS_A_RECORDING):
            group = own[first : first + CLIPS_A_RECORDING]
            total_s = sum(utterances[index].duration_s for index in group) + sum(PAUSES_S)
            if total_s <= MAX_S:
                recordings.append(_joined([(utterances[i], clips[i]) for i in group], params))
    # Of all languages: every so many of the list.
    step = max(1, len(recordings) // max(1, num))
    return recordings[::step][:num]


def _joined(pairs: Sequence[tuple[Utterance, Waveform]], params: AlignParams) -> Joined:
    parts: list[Waveform] = []
    speech, at_s = [], 0.0
    for (_, waveform), pause_s in zip(pairs, PAUSES_S, strict=True):
        parts += [np.zeros(round(pause_s * SAMPLE_RATE), np.float32), waveform]
        at_s += pause_s
        loud = np.flatnonzero(~is_quiet(waveform, params.pause_below_db, params.pause_floor_share))
        speech.append((at_s + loud[0] * FRAME_S, at_s + (loud[-1] + 1) * FRAME_S))
        at_s += len(waveform) / SAMPLE_RATE
    texts = tuple(utterance.text for utterance, _ in pairs)
    return Joined(np.concatenate(parts), texts, tuple(speech), pairs[0][0].language)


def offsets(aligner: Aligner, recordings: Sequence[Joined], params: AlignParams) -> list[float]:
    """Distance of each clip's first start and last end from the truth, in seconds, no sign."""
    found: list[float] = []
    for one in recordings:
        words = aligned_words(aligner, one.waveform, " ".join(one.texts), one.language, params)
        at = 0
        for text, (start_s, end_s) in zip(one.texts, one.speech, strict=True):
            own = words[at : at + len(text.split())]
            at += len(own)
            timed = [word for word in own if word.start_s is not None and word.end_s is not None]
            if timed:
                found += [abs(timed[0].start_s - start_s), abs(timed[-1].end_s - end_s)]  # type: ignore[operator]
    return found
