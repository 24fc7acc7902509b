"""Batches of like length, filled by seconds of computed audio rather than by a count of clips.

A batch costs its longest clip times its number of clips: one clip of 10 s among 31 of 1 s would
triple the batch. So clips are sorted by length, and a batch takes as many as its seconds allow.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

# How many seconds of audio a model computes for a clip of so many seconds.
Seconds = Callable[[float], float]


@dataclass(frozen=True)
class Batch:
    """Clips to be computed together.

    Attributes:
        indices: positions of the clips in the list that was batched.
        context_s: seconds of audio computed for each of them.
        zeros: whether what follows a clip is zeros in the log-mel instead of silence.
    """

    indices: tuple[int, ...]
    context_s: float
    zeros: bool = False


def batches_by_length(
    durations_s: Sequence[float], seconds: Seconds, batch_seconds: float
) -> list[Batch]:
    """Batches for decoding, shortest clips first.

    A clip that is longer than ``batch_seconds`` by itself gets a batch of its own.
    """
    order = sorted(range(len(durations_s)), key=lambda i: (durations_s[i], i))
    batches: list[Batch] = []
    start = 0
    for end in range(1, len(order) + 1):
        # Sorted, so the next clip would be the longest of the batch and set its context.
        if end < len(order):
            grown = seconds(durations_s[order[end]]) * (end + 1 - start)
            if grown <= batch_seconds:
                continue
        indices = tuple(order[start:end])
        batches.append(Batch(indices, seconds(durations_s[indices[-1]])))
        start = end
    return batches


@dataclass(frozen=True)
class LongContext:
    """Which batches are computed with more than their clips, for a model that can.

    Attributes:
        share: of the clips.
        max_s: the longest context, in seconds.
        zeros_share: of those batches, followed by zeros in the log-mel; the others by silence.
        rounded: the next context of a length that the model computes.
    """

    share: float
    max_s: float
    zeros_share: float
    rounded: Seconds


@dataclass(frozen=True)
class EpochPlan:
    """How an epoch's batches are made.

    Attributes:
        seconds: that the model computes for a clip.
        batch_seconds: as ``train.batch_seconds``.
        max_clips: as ``train.max_batch_clips``.
        long_context: None for a model to which silence after a clip means nothing.
    """

    seconds: Seconds
    batch_seconds: float
    max_clips: int
    long_context: LongContext | None


def epoch_batches(durations_s: Sequence[float], plan: EpochPlan, rng: random.Random) -> list[Batch]:
    """One epoch's batches, in random order; each clip is in exactly one.

    A share of the clips is computed with a context that is drawn log-uniformly between the clip's
    own and the longest: a Whisper that never hears long silence loses 5 points of WER in
    tools that pad to 30 s. Silence is not the same everywhere: OpenAI's code pads the waveform,
    faster-whisper the log-mel, with zeros, which are as loud as soft speech. A model that never
    heard those lost 4 points to them (0.579 to 0.619), so a share of the long batches has them.
    """
    share = plan.long_context.share if plan.long_context else 0.0
    short: list[int] = []
    long: list[int] = []
    for index in range(len(durations_s)):
        (long if rng.random() < share else short).append(index)
    batches = [
        *_filled(short, durations_s, plan, rng, None),
        *_filled(long, durations_s, plan, rng, plan.long_context),
    ]
    rng.shuffle(batches)
    return batches


def _filled(
    clips: list[int],
    durations_s: Sequence[float],
    plan: EpochPlan,
    rng: random.Random,
    longer: LongContext | None,
) -> Iterator[Batch]:
    """Batches of clips of like length: 10 % of noise lets other neighbours meet each epoch."""
    clips = sorted(clips, key=lambda i: durations_s[i] * rng.uniform(0.9, 1.1))
    while clips:
        wanted_s = 0.0
        if longer:
            shortest_s = plan.seconds(durations_s[clips[0]])
            longest_s = max(shortest_s, longer.max_s)
            drawn_s = math.exp(rng.uniform(math.log(shortest_s), math.log(longest_s)))
            wanted_s = longer.rounded(drawn_s)
        size, batch_context_s = 0, 0.0
        for clip in clips[: plan.max_clips]:
            own_s = plan.seconds(durations_s[clip])
            grown_s = max(batch_context_s, own_s, wanted_s)
            if size and grown_s * (size + 1) > plan.batch_seconds:
                break
            size, batch_context_s = size + 1, grown_s
        zeros = longer is not None and rng.random() < longer.zeros_share
        yield Batch(tuple(clips[:size]), batch_context_s, zeros)
        clips = clips[size:]
