"""Section ``decode``: params for every family. ``<family>.decode`` has those of one family."""

from typing import Literal

from pydantic import Field

from asr.core.schema import Schema


class DecodeParams(Schema):
    """Section ``decode``."""

    precision: Literal["float32", "float16", "bfloat16", "int8"]
    num_beams: int = Field(ge=1, le=16)
    batch_seconds: float = Field(gt=0)
    max_tokens_per_s: float = Field(gt=0, le=200)
    min_token_budget: int = Field(ge=1, le=440)
