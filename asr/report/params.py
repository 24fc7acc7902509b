"""Parameters of the report."""

from pydantic import Field

from asr.core.schema import Schema


class ReportParams(Schema):
    """Section ``report``, explained in ``params.yaml``."""

    num_worst: int = Field(ge=0, le=500)
    num_suspects: int = Field(ge=0, le=500)
