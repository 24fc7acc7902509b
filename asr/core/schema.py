"""What the schema of every section of ``params.yaml`` has in common: no default, no other key."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """Unknown keys and wrong types are errors; ranges are the subclass's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
