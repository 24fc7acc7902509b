"""Which recordings are good enough to learn from, and how they are stored."""

from typing import Literal

from pydantic import Field

from asr.audio.params import SilenceParams
from asr.core.schema import Schema


class Repairs(Schema):
    """What is put right in transcripts."""

    encoding: bool
    annotations: bool


class PrepareParams(Schema):
    """Section ``prepare``."""

    max_input_s: float = Field(gt=0, le=86_400)
    min_duration_s: float = Field(gt=0, le=30)
    max_duration_s: float = Field(gt=0, le=3600)
    min_peak_dbfs: float = Field(ge=-96, le=0)
    max_dc_offset: float = Field(gt=0, le=1)
    silence: SilenceParams
    long_recordings: Literal["reject", "align"]
    max_piece_s: float = Field(ge=5, le=30)
    min_alignment_confidence: float = Field(ge=0, le=1)
    max_chars_per_s: float = Field(gt=0, le=100)
    max_rejected_share: float = Field(ge=0, le=1)
    repairs: Repairs
    max_utterances: int = Field(ge=0)
    shard_mb: int = Field(ge=1, le=4096)
