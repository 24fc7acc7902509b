"""Section ``align`` of params.yaml."""

from typing import Literal

from pydantic import Field, field_validator

from asr.core.schema import Schema

Format = Literal["json", "txt", "lrc", "srt", "vtt"]


class AlignParams(Schema):
    """Section ``align``."""

    text: Literal["reference", "hypothesis"]
    num_heads: int = Field(ge=1, le=64)
    smooth_frames: int = Field(ge=1, le=15)
    pause_below_db: float = Field(ge=10, le=60)
    pause_floor_share: float = Field(ge=0, le=1)
    max_line_chars: int = Field(ge=10, le=200)
    max_line_pause_s: float = Field(gt=0, le=5)
    formats: list[Format]
    num_joined: int = Field(ge=0, le=1000)

    @field_validator("smooth_frames")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"expected an odd number of frames, got {value}")
        return value
