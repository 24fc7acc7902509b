"""Timestamps: in the order of time, inside the clip, and no text lost at the end."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from asr.decoding.detection_rows import Detection, TimedText
from asr.scoring.score import rounded
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance

TOLERANCE_S = 0.1  # beyond the clip; a model's times are seldom more exact
SIMILAR = 0.5  # letters that two words share, as ``SequenceMatcher.ratio`` counts


def measure_timestamps(
    clips: Sequence[Utterance], detections: Mapping[str, Detection]
) -> dict[str, Any] | None:
    """Shares of clips that are as they should be; None if the family writes no timestamps.

    ``valid``: the times are a row of segments in order. ``inside``: and none is beyond the clip.
    ``text_kept``: the text ends as it does without timestamps.
    """
    written = [(one, detections[one.id].timed) for one in clips if one.id in detections]
    timed = [(one, text) for one, text in written if text is not None]
    if not timed:
        return None
    num = len(timed)
    return {
        "num_clips": num,
        "valid": rounded(sum(text.segments is not None for _, text in timed) / num),
        "inside": rounded(sum(is_inside(text, one.duration_s) for one, text in timed) / num),
        "text_kept": rounded(sum(end_is_kept(text.text, text.plain) for _, text in timed) / num),
    }


def is_inside(text: TimedText, duration_s: float) -> bool:
    """Whether all times are in order and in the clip."""
    segments = text.segments
    return segments is not None and all(end <= duration_s + TOLERANCE_S for _, end in segments)


def end_is_kept(timed: str, plain: str) -> bool:
    """Whether the last word without timestamps is, by half of its letters, among the last two with.

    A word may be spelled otherwise with timestamps; a lost sentence takes the word away.
    """
    expected = sentence_key(plain).split()[-1:]
    last = sentence_key(timed).split()[-2:]
    return not expected or any(
        SequenceMatcher(None, expected[0], word, autojunk=False).ratio() >= SIMILAR for word in last
    )
