"""The learning rate as a function of the step alone: a resume needs no scheduler's state."""

import math

from asr.schemas.train import Params as TrainParams


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
