"""Section ``speech_llm.train``: the training params that only this family has."""

from collections.abc import Sequence

from pydantic import Field

from asr.core.schema import Schema
from asr.training.params import TrainParams, changes_of_audio


class SpeechLlmTrainParams(Schema):
    """Section ``speech_llm.train``."""

    projector_rate: float = Field(gt=0, le=1000)
    token_dropout: float = Field(ge=0, lt=1)
    ctc_share: float = Field(ge=0, le=1)
    cache_encoder: bool


def faults(train: TrainParams, own: SpeechLlmTrainParams) -> list[str]:
    """List what the family can't do, and params that conflict with ``cache_encoder``."""
    found = []
    if train.tune == "frozen_encoder":
        found.append(
            "train.tune: expected projector, lora or full with speech_llm, whose encoder is always "
            "frozen, got frozen_encoder"
        )
    if own.ctc_share == 1 and train.tune != "projector":
        found.append(
            "speech_llm.train.ctc_share: expected less than 1 unless train.tune is projector, or "
            f"the language model never learns, got 1 with {train.tune}"
        )
    if own.cache_encoder and (wanted := changes_of_audio(train)):
        found.append(
            "speech_llm.train.cache_encoder: the encoder's outputs stay the same only with "
            + ", ".join(wanted)
        )
    return found


def groups(train: TrainParams, own: SpeechLlmTrainParams) -> Sequence[str]:
    """List the groups with weights to train; an adapter is in the language model's."""
    found = {"projector": [], "lora": ["language_model"], "full": ["language_model", "embedding"]}
    return ["projector", *found[train.tune]]
