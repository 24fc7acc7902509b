"""Section ``ctc.decode``: the decoding params that only this family has."""

from typing import Literal

from asr.core.schema import Schema


class CtcDecodeParams(Schema):
    """Section ``ctc.decode``."""

    engine: Literal["auto", "ctranslate2", "torch"]
