"""Section ``score``: params of scoring, and of comparing two models."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from asr.core.schema import Schema

Language = Annotated[str, StringConstraints(pattern=r"^(default|[a-z]{2,3})$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Rate = Annotated[float, Field(ge=0)]


class GatesParams(Schema):
    """Section ``gates``: thresholds of the scorecard, None where there is no such gate."""

    first_runs: Rate | None
    production: Rate | None
    contract: Rate | None
    worst_slice: Rate | None
    only_corpora: list[str]
    word_time_coverage: Rate | None
    word_time_offset_s: Rate | None
    hallucination_chars_per_minute: Rate | None
    loops_share: Rate | None
    joined_loops_share: Rate | None
    forgetting: Rate | None
    language_accuracy_loss: Rate | None
    timestamps_valid: Rate | None
    memorised_share: Rate | None


class ScoreParams(Schema):
    """Section ``score``."""

    normalizers: dict[Language, Name]
    script: Literal["as_is", "latin", "cyrillic"]
    slices: list[str]
    num_resamples: int = Field(ge=100, le=100_000)
    confidence: float = Field(gt=0.5, lt=1)
    min_blocks: int = Field(ge=2, le=1000)
    min_effect: float = Field(ge=0, le=0.2)
    champion: str
    champion_folder: str = Field(min_length=1)

    @field_validator("normalizers")
    @classmethod
    def _names_a_default(cls, normalizers: dict[str, str]) -> dict[str, str]:
        if "default" not in normalizers:
            raise ValueError("expected the key `default`, for all other languages")
        return normalizers
