"""How utterances are dealt to train, dev and test."""

from pydantic import Field

from asr.schemas import Schema


class Params(Schema):
    """Section ``split``."""

    dev_share: float = Field(gt=0, lt=0.5)
    test_share: float = Field(gt=0, lt=0.5)
