"""Training examples: single clips or a few joined clips, new in each epoch.

With half an hour of speech a decoder overfits the sentences after two epochs, and dev stops
improving. So no clip comes twice in the same form: each is resampled to a random speed, and some
are joined.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Clips, Waveform

_SEGMENT = re.compile(r"(.+)#(\d+)")  # id of a recording and its segment's number


@dataclass(frozen=True)
class Piece:
    """A training clip in an example.

    Attributes:
        index: the clip's position in the training set.
        speed: factor on the speed of speech; the pitch changes with it.
        pause_s: seconds of silence before the clip.
    """

    index: int
    speed: float
    pause_s: float


@dataclass(frozen=True)
class Example:
    """One clip, or a few clips in sequence.

    Attributes:
        pieces: the clips, in order.
        duration_s: seconds of all clips and pauses.
        seed: seed of its augmentation and masks.
    """

    pieces: tuple[Piece, ...]
    duration_s: float
    seed: int


@dataclass(frozen=True)
class SpokenPart:
    """What is said in a stretch of an example.

    Attributes:
        start_s: where it begins, in seconds from the example's beginning.
        end_s: where it ends.
        text: its transcript.
    """

    start_s: float
    end_s: float
    text: str


class ExampleUtterance(Utterance):
    """The utterance of an example; it is an ``Utterance`` for families that need no more.

    Attributes:
        parts: times and texts of the example's clips.
        previous_text: transcript of the utterance before the first clip in the same recording,
            None if it is unknown.
    """

    parts: tuple[SpokenPart, ...]
    previous_text: str | None


@dataclass(frozen=True)
class TokenLimit:
    """Tokens of each clip, and most tokens and seconds of an example.

    A limit in seconds is not enough: 8 s of fast speech in a script that the tokenizer encodes byte
    by byte can have more tokens than the decoder has positions.

    Attributes:
        num_tokens: tokens of each clip's transcript; those of joined clips add up.
        max_tokens: maps the seconds of an example to its most tokens.
        max_duration_s: most seconds of an example.
    """

    num_tokens: Sequence[int]
    max_tokens: Callable[[float], int]
    max_duration_s: float


def example_waveform(example: Example, waveforms: Clips) -> Waveform:
    """Build an example's waveform, float32, mono, 16 kHz, from the clips of the training set."""
    parts = []
    for piece in example.pieces:
        parts.append(np.zeros(round(piece.pause_s * SAMPLE_RATE), np.float32))
        waveform = waveforms[piece.index]
        if piece.speed != 1.0:
            waveform = soxr.resample(waveform, SAMPLE_RATE * piece.speed, SAMPLE_RATE)
        parts.append(waveform)
    return np.concatenate(parts)


def example_utterance(
    example: Example,
    utterances: Sequence[Utterance],
    previous: Sequence[str | None] | None = None,
) -> ExampleUtterance:
    """Build an example's utterance: texts joined by spaces, ids by ``+``.

    Args:
        example: of the training set.
        utterances: the training set.
        previous: ``previous_texts`` of the training set; None for no texts.
    """
    joined, parts, end_s = [utterances[p.index] for p in example.pieces], [], 0.0
    for piece, utterance in zip(example.pieces, joined, strict=True):
        start_s = end_s + piece.pause_s
        end_s = start_s + utterance.duration_s / piece.speed
        parts.append(SpokenPart(start_s, end_s, utterance.text.strip()))
    fields = dict(joined[0]) | {
        "id": "+".join(utterance.id for utterance in joined),
        "text": " ".join(part.text for part in parts),
        "duration_s": example.duration_s,
        "parts": tuple(parts),
        "previous_text": previous[example.pieces[0].index] if previous else None,
    }
    return ExampleUtterance.model_construct(**fields)  # of fields that are valid already


def previous_texts(utterances: Sequence[Utterance]) -> list[str | None]:
    """For each utterance the text of the one before it in the same recording, if that is known.

    Only segments of a recording have a known order: ``…#3`` comes after ``…#2``. If that one was
    rejected or has no text, there is none.
    """
    segments = [_SEGMENT.fullmatch(one.id) if "#" in one.id else None for one in utterances]
    if not any(segments):
        return [None] * len(utterances)
    text_of = {utterance.id: utterance.text for utterance in utterances}
    return [text_of.get(f"{match[1]}#{int(match[2]) - 1}") if match else None for match in segments]
