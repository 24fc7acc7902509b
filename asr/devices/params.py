"""Params of the machine: device, threads, processes."""

from typing import Literal, Self

from pydantic import Field, model_validator

from asr.core.schema import Schema


class MachineParams(Schema):
    """Section ``machine``."""

    device: Literal["auto", "cuda", "mps", "cpu"]
    num_threads: int = Field(ge=1, le=256)
    num_processes: int = Field(ge=1, le=64)
    shard_weights: bool

    @model_validator(mode="after")
    def _several_processes(self) -> Self:
        if self.shard_weights and self.num_processes == 1:
            raise ValueError("shard_weights: expected num_processes above 1, got 1")
        return self
