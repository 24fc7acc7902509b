"""How a model is decoded for its score."""

from typing import Literal

from pydantic import Field

from asr.schemas import Schema


class Params(Schema):
    """Section ``decode``."""

    engine: Literal["auto", "ctranslate2", "torch"]
    precision: Literal["float32", "float16", "bfloat16", "int8"]
    context: Literal["dynamic", "full"]
    fallback_margin_s: float = Field(ge=0, le=30)
    num_beams: int = Field(ge=1, le=16)
    batch_seconds: float = Field(gt=0)
    max_tokens_per_s: float = Field(gt=0, le=200)
    min_token_budget: int = Field(ge=1, le=440)
