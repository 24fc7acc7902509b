"""Section ``ctc.train``: the training params that only this family has."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from asr.core.schema import Schema
from asr.training.params import TrainParams


class CtcTrainParams(Schema):
    """Section ``ctc.train``."""

    head_rate: float = Field(gt=0, le=1000)
    case: Literal["lower", "keep"]
    min_count: int = Field(ge=1)
    freeze_feature_encoder: bool


def faults(train: TrainParams, own: CtcTrainParams) -> list[str]:
    """List what the family can't do."""
    if train.tune == "projector":
        return [
            "train.tune: expected full, frozen_encoder (only the head learns) or lora with ctc, "
            "which has no projector, got projector"
        ]
    return []


def groups(train: TrainParams, own: CtcTrainParams) -> Sequence[str]:
    """List the groups with weights to train; an adapter is in the groups of its layers."""
    encoder = [] if train.tune == "frozen_encoder" else ["encoder.lower", "encoder.upper"]
    return ["head", *encoder]
