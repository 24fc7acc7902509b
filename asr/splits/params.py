"""Parameters of the split into train, dev and test."""

from typing import Literal

from pydantic import Field

from asr.core.schema import Schema


class SplitParams(Schema):
    """Section ``split``, explained in ``params.yaml``; shares and similarities are fractions."""

    seed: int = Field(ge=0)
    dev_share: float = Field(gt=0, lt=0.5)
    test_share: float = Field(gt=0, lt=0.5)
    given: Literal["keep", "ignore"]
    disjoint: list[Literal["sentence", "speaker", "session"]]
    near_duplicate: float = Field(ge=0, le=1)
    stratify_by: str
