"""Section ``whisper.decode``: the decoding params that only Whisper has."""

from typing import Annotated, Literal

import regex
from pydantic import AfterValidator, Field

from asr.core.schema import Schema
from asr.families.whisper.window import MAX_DURATION_S


def _unicode_script(script: str) -> str:
    try:
        regex.compile(rf"\p{{Script={script}}}")
    except regex.error as error:
        raise ValueError("expected a script's name in Unicode") from error
    return script


class WhisperDecodeParams(Schema):
    """Section ``whisper.decode``."""

    engine: Literal["auto", "ctranslate2", "torch"]
    scripts: list[Annotated[str, AfterValidator(_unicode_script)]]
    context: Literal["dynamic", "full"]
    fallback_margin_s: float = Field(ge=0, le=MAX_DURATION_S)
