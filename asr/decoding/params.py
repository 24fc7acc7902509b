"""Section ``decode``: params for every family. ``<family>.decode`` has those of one family."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema

if TYPE_CHECKING:
    import torch


class ServedModel(Schema):
    """A model on a server.

    Attributes:
        url: what comes before ``/audio/transcriptions``.
        name: of the model there.
    """

    url: str = Field(pattern=r"^https?://[^\s]+$")
    name: str = Field(min_length=1)


class ServerParams(Schema):
    """Section ``decode.server``."""

    models: dict[str, ServedModel]
    concurrency: int = Field(ge=1, le=1024)
    timeout_s: float = Field(gt=0, le=3600)
    max_tries: int = Field(ge=1, le=20)
    first_wait_s: float = Field(gt=0, le=60)


class DecodeParams(Schema):
    """Section ``decode``."""

    precision: Literal["float32", "float16", "bfloat16", "int8"]
    num_beams: int = Field(ge=1, le=16)
    batch_seconds: float = Field(gt=0)
    max_tokens_per_s: float = Field(gt=0, le=200)
    min_token_budget: int = Field(ge=1, le=440)
    server: ServerParams


def torch_precision(params: DecodeParams) -> "torch.dtype":
    """The dtype of ``decode.precision``, for an engine in torch.

    Raises:
        InputError: if torch does not compute with it.
    """
    import torch

    dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if params.precision not in dtypes:
        raise InputError(
            f"decode.precision: expected one of {', '.join(dtypes)} with torch, "
            f"got {params.precision}"
        )
    return dtypes[params.precision]
