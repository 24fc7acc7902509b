"""Section ``qwen3_asr.decode``: the decoding params that only Qwen3-ASR has."""

from typing import Annotated, Literal

from pydantic import Field

from asr.core.schema import Schema


class Qwen3AsrDecodeParams(Schema):
    """Section ``qwen3_asr.decode``."""

    # A phrase that comes twice is no loop.
    max_repeats: Literal[0] | Annotated[int, Field(ge=3)]
