"""The base class of all params schemas: unknown keys are errors, and no key has a default."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """Rejects unknown keys and wrong types; subclasses declare fields and ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
