"""How a model is decoded for its score."""

from typing import Annotated, Literal

import regex
from pydantic import AfterValidator, Field

from asr.core.schema import Schema


def _known(script: str) -> str:
    try:
        regex.compile(rf"\p{{Script={script}}}")
    except regex.error as error:
        raise ValueError("expected a script's name in Unicode") from error
    return script


class DecodeParams(Schema):
    """Section ``decode``."""

    engine: Literal["auto", "ctranslate2", "torch"]
    precision: Literal["float32", "float16", "bfloat16", "int8"]
    scripts: list[Annotated[str, AfterValidator(_known)]]
    context: Literal["dynamic", "full"]
    fallback_margin_s: float = Field(ge=0, le=30)
    num_beams: int = Field(ge=1, le=16)
    batch_seconds: float = Field(gt=0)
    max_tokens_per_s: float = Field(gt=0, le=200)
    min_token_budget: int = Field(ge=1, le=440)
