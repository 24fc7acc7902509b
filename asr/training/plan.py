"""Plan all steps of a training run in advance, from the seed and the clips."""

import math
import random
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from asr.features.batching import EpochPlan, LongContext, Seconds, epoch_batches
from asr.training.augmentation.epoch import epoch_examples
from asr.training.augmentation.examples import Example, TokenLimit
from asr.training.params import TrainParams
from asr.training.replay import clips_per_epoch, replayed_by_epoch
from asr.utterances.jsonl import without_collection


@dataclass(frozen=True)
class TrainingBatch:
    """Examples to compute together.

    Attributes:
        examples: single clips or joined ones.
        context_s: seconds of audio that the model computes for each example.
        zeros: whether to pad with zeros in the features instead of silence.
    """

    examples: Sequence[Example]
    context_s: float
    zeros: bool


@without_collection()
def plan_steps(
    durations_s: Sequence[float],
    groups: Sequence[Hashable],
    token_limit: TokenLimit,
    seconds: Seconds,
    long_context: LongContext | None,
    params: TrainParams,
    seed: int,
    num_replay: int = 0,
) -> list[tuple[int, list[TrainingBatch]]]:
    """List all steps of the run, each with its epoch and the batches of one update.

    Args:
        durations_s: durations of the training clips, in seconds.
        groups: group of each clip; only clips of one group are joined.
        token_limit: most tokens of an example.
        seconds: maps the duration of a clip to the seconds that the model computes for it.
        long_context: which batches get a longer context than that.
        params: section ``train``.
        seed: seed of all random choices.
        num_replay: how many of the clips, the last ones, are of replay corpora. An epoch has each
            of the others once, and so many of these that they are ``train.replay.share`` of it.
    """
    num_scored = len(durations_s) - num_replay
    replayed = replayed_by_epoch(
        range(num_scored, len(durations_s)), clips_per_epoch(num_scored, params.replay.share), seed
    )
    plan = EpochPlan(seconds, params.batch_seconds, params.max_batch_clips, long_context)
    by_epoch = []
    for epoch in range(num_passes(durations_s[:num_scored], params)):
        rng = random.Random(f"{seed}-{epoch}")
        clips = [*range(num_scored), *next(replayed)]
        examples = epoch_examples(
            clips, durations_s, groups, token_limit, params.join, params.speed_change, rng
        )
        batches = epoch_batches(examples.durations_s, plan, rng)
        by_epoch += [
            (epoch, TrainingBatch(examples[batch.indices], batch.context_s, batch.zeros))
            for batch in batches
        ]
    steps = (
        list(steps_of_clips(by_epoch, params.step_clips))
        if params.step_clips
        else steps_of_batches(by_epoch, params.accumulation)
    )
    return steps[: params.max_steps] if params.max_steps else steps


def num_passes(durations_s: Sequence[float], params: TrainParams) -> int:
    """Passes over the training set: ``num_epochs``, or as many as hold ``min_hours`` of speech."""
    return max(params.num_epochs, math.ceil(params.min_hours * 3600 / sum(durations_s)))


def steps_of_batches(
    batches: Iterable[tuple[int, TrainingBatch]], accumulation: int
) -> list[tuple[int, list[TrainingBatch]]]:
    """Steps of ``accumulation`` batches each; the last step of an epoch may have fewer."""
    steps = []
    for epoch, of_epoch in groupby(batches, key=lambda pair: pair[0]):
        one_epoch = [batch for _, batch in of_epoch]
        for start in range(0, len(one_epoch), accumulation):
            steps.append((epoch, one_epoch[start : start + accumulation]))
    return steps


def steps_of_clips(
    batches: Iterable[tuple[int, TrainingBatch]], num_clips: int
) -> Iterator[tuple[int, list[TrainingBatch]]]:
    """Steps of exactly ``num_clips`` examples each; only the last step of the run may have fewer.

    A batch that would exceed the number is divided, and its rest begins the next step, also across
    epochs. A step has the epoch of its first batch.
    """
    step: list[TrainingBatch] = []
    missing, step_epoch = num_clips, 0
    for epoch, batch in batches:
        rest = batch.examples
        while rest:
            if not step:
                step_epoch = epoch
            taken, rest = rest[:missing], rest[missing:]
            step.append(replace(batch, examples=taken))
            missing -= len(taken)
            if missing == 0:
                yield step_epoch, step
                step, missing = [], num_clips
    if step:
        yield step_epoch, step


def learning_rate(step: int, num_steps: int, params: TrainParams, peak: float) -> float:
    """Learning rate of ``step``, counted from 0.

    It rises linearly to ``peak`` over ``warmup_steps``. Then it falls to 0 linearly or along half a
    cosine, or stays constant.
    """
    if step < params.warmup_steps:
        return peak * (step + 1) / params.warmup_steps
    if params.schedule == "constant":
        return peak
    progress = (step - params.warmup_steps) / max(1, num_steps - params.warmup_steps)
    if params.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * progress))
    return peak * (1 - progress)
