"""Section ``operations``: how a run is tracked, saved and loaded; it changes no out."""

from typing import Literal

from pydantic import Field

from asr.core.schema import Schema


class OperationsParams(Schema):
    """Section ``operations``."""

    trackers: list[Literal["dvclive", "tensorboard", "trackio", "wandb"]]
    checkpoint_mirror: str = Field(pattern=r"^$|^[a-z0-9]+://[^/]*/.+[^/]$")
    mirror_every_minutes: float = Field(gt=0, le=1440)
    keep_unfinished_gb: float = Field(ge=0)
    loader_threads: int = Field(ge=0, le=64)
