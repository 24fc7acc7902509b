"""Section ``speech_llm.decode``: the decoding params that only this family has."""

from typing import Annotated, Literal

from pydantic import Field

from asr.core.schema import Schema


class SpeechLlmDecodeParams(Schema):
    """Section ``speech_llm.decode``."""

    # A phrase that comes twice is no loop.
    max_repeats: Literal[0] | Annotated[int, Field(ge=3)]
