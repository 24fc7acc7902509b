"""Section ``ctc.train``: the training params that only this family has."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

from pydantic import Field

from asr.core.params import PARAMS, value_of
from asr.core.schema import Schema
from asr.training.params import TrainParams


class CtcTrainParams(Schema):
    """Section ``ctc.train``."""

    head_rate: float = Field(gt=0, le=1000)
    case: Literal["lower", "keep"]
    min_count: int = Field(ge=1)
    freeze_feature_encoder: bool


def faults(train: TrainParams, own: CtcTrainParams) -> list[str]:
    """List what the family can't do, and a package that decoding will need and is not here."""
    found = []
    if train.tune == "projector":
        found.append(
            "train.tune: expected full, frozen_encoder (only the head learns) or lora with ctc, "
            "which has no projector, got projector"
        )
    if find_spec("ctc_beam_decoder") is None and PARAMS.is_file():
        # Decoding itself would say so after hours of training.
        num_beams = value_of(PARAMS, ("decode", "num_beams"))
        if num_beams > 1:
            found.append(
                "decode.num_beams: expected 1 with ctc without ctc_beam_decoder (pip install -r "
                f"requirements/language_model.txt), got {num_beams}"
            )
    return found


def groups(train: TrainParams, own: CtcTrainParams) -> Sequence[str]:
    """List the groups with weights to train; an adapter is in the groups of its layers."""
    encoder = [] if train.tune == "frozen_encoder" else ["encoder.lower", "encoder.upper"]
    return ["head", *encoder]
