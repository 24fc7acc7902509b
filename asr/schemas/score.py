"""How hypotheses are scored and two models compared."""

from pydantic import Field

from asr.schemas import Schema


class Params(Schema):
    """Section ``score``."""

    normalizer: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    num_resamples: int = Field(ge=100, le=100_000)
    confidence: float = Field(gt=0.5, lt=1)
