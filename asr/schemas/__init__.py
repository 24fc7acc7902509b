"""One file a section of ``params.yaml``: its schema, named ``Params``, without defaults."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """Unknown keys and wrong types are errors; ranges are the subclass's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
