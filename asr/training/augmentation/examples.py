"""Examples: one clip, or a few joined, made anew in each epoch.

With half an hour of speech a decoder knows the sentences by heart after two epochs, and reads dev
no better from then on. So no clip comes twice alike: each is played a little faster or slower,
and some are joined.
"""

import random
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from asr.training.params import JoinParams, SpeedChangeParams
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Clips, Waveform


@dataclass(frozen=True)
class Piece:
    """A training clip as an example holds it.

    Attributes:
        index: the clip's position in the training set.
        speed: how many times faster than it was spoken; the pitch follows.
        pause_s: silence before it.
    """

    index: int
    speed: float
    pause_s: float


@dataclass(frozen=True)
class Example:
    """One clip, or a few one after another.

    Attributes:
        pieces: the clips, in order.
        duration_s: of all of them with their pauses.
        seed: what is hidden of it is drawn from this.
    """

    pieces: tuple[Piece, ...]
    duration_s: float
    seed: int


@dataclass(frozen=True)
class TokenRoom:
    """How much text there is, and how much of it an example may have.

    Seconds alone don't bound it: 8 s of fast speech in a script that the tokenizer spells byte by
    byte can be more than the decoder has positions.

    Attributes:
        num_tokens: of each clip's transcript; those of joined clips add up.
        max_tokens: that the transcript of an example may have, by its seconds.
        max_duration_s: seconds that an example may last.
    """

    num_tokens: Sequence[int]
    max_tokens: Callable[[float], int]
    max_duration_s: float


def epoch_examples(
    durations_s: Sequence[float],
    groups: Sequence[Hashable],
    room: TokenRoom,
    join: JoinParams,
    speed_change: SpeedChangeParams,
    rng: random.Random,
) -> list[Example]:
    """Each clip once, by itself or joined to others of its group.

    Args:
        durations_s: of the clips.
        groups: of each clip; what is joined has one language and one corpus.
        room: how much text one example may have.
        join: how many are joined, and to what length.
        speed_change: how far the speed goes.
        rng: where chance comes from.
    """
    alone: list[int] = []
    shared: dict[Hashable, list[int]] = {}
    order = list(range(len(durations_s)))
    rng.shuffle(order)
    for index in order:
        if rng.random() < join.share:
            shared.setdefault(groups[index], []).append(index)
        else:
            alone.append(index)

    def piece(index: int, pause_s: float) -> Piece:
        return Piece(index, rng.uniform(1 - speed_change.most, 1 + speed_change.most), pause_s)

    def example(pieces: list[Piece]) -> Example:
        duration_s = sum(p.pause_s + durations_s[p.index] / p.speed for p in pieces)
        num_tokens = sum(room.num_tokens[p.index] for p in pieces)
        # Then as it was spoken, which fits.
        if duration_s > room.max_duration_s or num_tokens > room.max_tokens(duration_s):
            pieces = [Piece(p.index, 1.0, 0.0) for p in pieces]
            duration_s = sum(durations_s[p.index] for p in pieces)
        return Example(tuple(pieces), duration_s, rng.getrandbits(63))

    examples = [example([piece(index, 0.0)]) for index in alone]
    for indices in shared.values():
        for together in _joined(indices, durations_s, room, join, rng):
            pauses = [0.0] + [rng.uniform(0, join.max_pause_s) for _ in together[1:]]
            pieces = [piece(index, pause) for index, pause in zip(together, pauses, strict=True)]
            examples.append(example(pieces))
    return examples


def _joined(
    indices: list[int],
    durations_s: Sequence[float],
    room: TokenRoom,
    join: JoinParams,
    rng: random.Random,
) -> Iterator[list[int]]:
    """Cut a list of clips where they reach a length drawn for each cut, or too much text."""
    together: list[int] = []
    left_s, num_tokens, seconds = rng.uniform(0, join.max_s), 0, 0.0
    for index in indices:
        grown, grown_s = num_tokens + room.num_tokens[index], seconds + durations_s[index]
        if together and (durations_s[index] > left_s or grown > room.max_tokens(grown_s)):
            yield together
            together, left_s = [], rng.uniform(0, join.max_s)
            grown, grown_s = room.num_tokens[index], durations_s[index]
        together.append(index)
        left_s -= durations_s[index]
        num_tokens, seconds = grown, grown_s
    if together:
        yield together


def example_waveform(example: Example, waveforms: Clips) -> Waveform:
    """The example's waveform, float32, mono, 16 kHz; ``waveforms`` are all of the training set."""
    parts = []
    for piece in example.pieces:
        parts.append(np.zeros(round(piece.pause_s * SAMPLE_RATE), np.float32))
        waveform = waveforms[piece.index]
        if piece.speed != 1.0:
            waveform = soxr.resample(waveform, SAMPLE_RATE * piece.speed, SAMPLE_RATE)
        parts.append(waveform)
    return np.concatenate(parts)


def example_utterance(example: Example, utterances: Sequence[Utterance]) -> Utterance:
    """The example's transcript: one utterance with the texts of all; ids are joined by ``+``."""
    pieces = [utterances[piece.index] for piece in example.pieces]
    return pieces[0].model_copy(
        update={
            "id": "+".join(utterance.id for utterance in pieces),
            "text": " ".join(utterance.text.strip() for utterance in pieces),
            "duration_s": example.duration_s,
        }
    )
