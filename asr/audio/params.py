"""Parameters of silence detection and trimming."""

from pydantic import Field

from asr.core.schema import Schema


class SilenceParams(Schema):
    """Section ``prepare.silence``, explained in ``params.yaml``; dB and seconds by suffix."""

    below_db: float = Field(ge=10, le=90)
    trim: bool
    margin_s: float = Field(ge=0, le=2)
