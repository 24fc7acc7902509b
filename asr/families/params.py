"""Family and name of a model: together they select a block of ``conf/models.yaml``."""

from pydantic import Field

from asr.core.schema import Schema


class ModelParams(Schema):
    """Section ``model``, the model to tune; and ``audit.judge``, the model that judges."""

    family: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
