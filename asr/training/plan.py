"""Every step of a training run, known before the first: a function of the seed and the clips."""

import math
import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from asr.features.batching import EpochPlan, LongContext, Seconds, epoch_batches
from asr.training.augmentation.examples import Example, TokenRoom, epoch_examples
from asr.training.params import TrainParams


@dataclass(frozen=True)
class TrainingBatch:
    """Examples to be computed together.

    Attributes:
        examples: single clips or joined ones.
        context_s: seconds of audio computed for each of them.
        zeros: whether what follows a clip is zeros in the log-mel instead of silence.
    """

    examples: tuple[Example, ...]
    context_s: float
    zeros: bool


def plan_steps(
    durations_s: Sequence[float],
    groups: Sequence[Hashable],
    room: TokenRoom,
    seconds: Seconds,
    long_context: LongContext | None,
    params: TrainParams,
    seed: int,
) -> list[tuple[int, list[TrainingBatch]]]:
    """Every step of the run: its epoch, and the batches whose gradients it adds up.

    Args:
        durations_s: of the training clips.
        groups: of each clip; only clips of one group are joined.
        room: how much text one example may have.
        seconds: that the model computes for a clip.
        long_context: which batches are computed with more than that.
        params: section ``train``.
        seed: of all chance.
    """
    plan = EpochPlan(seconds, params.batch_seconds, params.max_batch_clips, long_context)
    steps = []
    for epoch in range(params.num_epochs):
        rng = random.Random(f"{seed}-{epoch}")
        examples = epoch_examples(durations_s, groups, room, params.join, params.speed_change, rng)
        batches = [
            TrainingBatch(tuple(examples[i] for i in batch.indices), batch.context_s, batch.zeros)
            for batch in epoch_batches([example.duration_s for example in examples], plan, rng)
        ]
        for start in range(0, len(batches), params.accumulation):
            steps.append((epoch, batches[start : start + params.accumulation]))
    return steps[: params.max_steps] if params.max_steps else steps


def learning_rate(step: int, num_steps: int, params: TrainParams) -> float:
    """Rate of the step that is number ``step`` of ``num_steps``, counted from 0.

    It climbs linearly to ``lr`` over ``warmup_steps``, then falls to 0 along a line or half a
    cosine, or stays.
    """
    if step < params.warmup_steps:
        return params.lr * (step + 1) / params.warmup_steps
    if params.schedule == "constant":
        return params.lr
    progress = (step - params.warmup_steps) / max(1, num_steps - params.warmup_steps)
    if params.schedule == "cosine":
        return params.lr * 0.5 * (1 + math.cos(math.pi * progress))
    return params.lr * (1 - progress)
