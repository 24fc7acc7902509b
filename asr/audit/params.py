"""Thresholds of the audit, and how many faulty utterances a corpus may have."""

from typing import Literal, Self

from pydantic import Field, model_validator

from asr.core.schema import Schema
from asr.families.params import ModelParams

FaultName = Literal["wrong_transcript", "no_speech", "wrong_language", "truncated"]


class AuditParams(Schema):
    """Section ``audit``."""

    judge: ModelParams

    sample: float = Field(gt=0, le=1)
    seed: int = Field(ge=0)
    num_others: int = Field(ge=1, le=16)
    margin_s: float = Field(ge=0, le=30)
    batch_seconds: float = Field(gt=0)
    precision: Literal["int8", "float32"]
    min_fit: float
    min_wholeness: float = Field(le=0)
    min_fit_of_speech: float
    min_no_speech_prob: float = Field(gt=0, le=1)
    min_text_language: float = Field(le=0)
    min_text_language_alone: float = Field(le=0)
    min_utterances: int = Field(ge=4)
    caution_share: float = Field(ge=0, le=1)
    stop_share: float = Field(ge=0, le=1)
    drop: list[FaultName]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.caution_share > self.stop_share:
            raise ValueError(
                f"caution_share {self.caution_share} is above stop_share {self.stop_share}"
            )
        return self
