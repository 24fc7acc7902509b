"""What a silence is, and whether it is cut off."""

from pydantic import Field

from asr.core.schema import Schema


class SilenceParams(Schema):
    """Section ``prepare.silence``."""

    below_db: float = Field(ge=10, le=90)
    trim: bool
    margin_s: float = Field(ge=0, le=2)
