"""Section ``whisper.train``: the training params that only Whisper has."""

from collections.abc import Sequence

from pydantic import Field

from asr.core.schema import Schema
from asr.families.whisper.window import MAX_DURATION_S
from asr.training.params import TrainParams, changes_of_audio


class LongContextParams(Schema):
    """Section ``whisper.train.long_context``: batches with more context than their clips need."""

    share: float = Field(ge=0, le=1)
    max_s: float = Field(gt=0, le=MAX_DURATION_S)
    zeros_share: float = Field(ge=0, le=1)


class TimestampsParams(Schema):
    """Section ``whisper.train.timestamps``: examples whose text has timestamps."""

    share: float = Field(ge=0, le=1)


class PreviousTextParams(Schema):
    """Section ``whisper.train.previous_text``: examples with the text before theirs as prompt."""

    share: float = Field(ge=0, le=1)


class WhisperTrainParams(Schema):
    """Section ``whisper.train``."""

    margin_s: float = Field(ge=0, le=MAX_DURATION_S)
    long_context: LongContextParams
    freeze_embedding: bool
    cache_encoder: bool
    token_dropout: float = Field(ge=0, lt=1)
    subword_dropout: float = Field(ge=0, lt=1)
    timestamps: TimestampsParams
    previous_text: PreviousTextParams


def faults(train: TrainParams, own: WhisperTrainParams) -> list[str]:
    """List the params that Whisper lacks, or that conflict with ``cache_encoder``."""
    if train.tune == "projector":
        return ["train.tune: expected full, frozen_encoder or lora, got projector"]
    if not own.cache_encoder:
        return []
    wanted = [] if train.tune == "frozen_encoder" else ["train.tune frozen_encoder"]
    if own.long_context.share:
        wanted.append("whisper.train.long_context.share 0")
    wanted += changes_of_audio(train)
    if not wanted:
        return []
    return [
        "whisper.train.cache_encoder: the encoder's outputs stay the same only with "
        + ", ".join(wanted)
    ]


def groups(train: TrainParams, own: WhisperTrainParams) -> Sequence[str]:
    """List the groups with weights to train; an adapter is in the groups of its layers."""
    found = ["decoder"]
    if train.tune != "frozen_encoder":
        found += ["encoder.lower", "encoder.upper"]
    if train.tune != "lora" and not own.freeze_embedding:
        found.append("embedding")
    return found
