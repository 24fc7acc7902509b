"""What a stage may use of the machine it runs on."""

from typing import Literal

from pydantic import Field

from asr.schemas import Schema


class Params(Schema):
    """Section ``machine``."""

    device: Literal["auto", "cuda", "mps", "cpu"]
    num_threads: int = Field(ge=1, le=256)
    num_processes: int = Field(ge=1, le=64)
