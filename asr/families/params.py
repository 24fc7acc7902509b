"""A model by family and name: a block of ``conf/models.yaml``."""

from pydantic import Field

from asr.core.schema import Schema


class ModelParams(Schema):
    """Section ``model``, which is tuned; and ``audit.judge``."""

    family: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
