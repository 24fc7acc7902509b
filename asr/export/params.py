"""Section ``export``: the formats to write, and how alike they must transcribe."""

from typing import Literal

from pydantic import Field, field_validator

from asr.core.schema import Schema

Name = Literal[
    "transformers",
    "ctranslate2_float16",
    "ctranslate2_int8",
    "ggml_float16",
    "ggml_q8_0",
    "ggml_q5_1",
    "ggml_q5_0",
    "onnx",
    "adapter",
    "openai",
]


class ParityParams(Schema):
    """Section ``export.parity``."""

    max_utterances: int | None = Field(ge=1)
    min_identical: float = Field(ge=0, le=1)
    min_identical_quantized: float = Field(ge=0, le=1)
    max_wer_difference: float = Field(ge=0)


class ExportParams(Schema):
    """Section ``export``."""

    formats: list[Name]
    parity: ParityParams

    @field_validator("formats")
    @classmethod
    def _each_once(cls, formats: list[Name]) -> list[Name]:
        if len(set(formats)) < len(formats):
            raise ValueError(f"expected each format once, got {formats}")
        return formats
