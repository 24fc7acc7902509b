"""The schema of ``conf/serve.yaml``. No stage depends on it, so it is no section of params.yaml."""

import ipaddress
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from asr.core.errors import InputError
from asr.core.params import load_block
from asr.core.schema import Schema

PATH = Path("conf", "serve.yaml")
MB = 1_000_000


class ServerParams(Schema):
    """Section ``server``."""

    host: str = Field(min_length=1)
    port: int = Field(ge=0, le=65535)
    hosts: list[str]
    cors: list[str]
    keys_file: str

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @model_validator(mode="after")
    def _no_star(self) -> Self:
        if "*" in self.cors:
            raise ValueError('cors: expected origins by name, got "*"')
        return self


class ModelsParams(Schema):
    """Section ``models``."""

    folders: list[str] = Field(min_length=1)
    packages: str
    aliases: list[str]
    max_gb: float = Field(gt=0)
    switch_after_s: float = Field(ge=0, le=600)
    gather_s: float = Field(ge=0, le=1)
    language: str = Field(pattern=r"^([a-z]{2,3}|detect)$")
    decode: dict[str, Any]


class LimitsParams(Schema):
    """Section ``limits``."""

    max_body_mb: float = Field(gt=0)
    max_json_mb: float = Field(gt=0)
    max_duration_s: float = Field(gt=0, le=14_400)
    max_total_s: float = Field(gt=0, le=86_400)
    max_body_s: float = Field(gt=0, le=3600)
    max_stall_s: float = Field(gt=0, le=600)
    max_connections: int = Field(ge=1)
    max_requests: int = Field(ge=1)
    max_waiting_s: float = Field(gt=0)
    retry_after_s: int = Field(ge=1, le=3600)
    requests_per_minute: int = Field(ge=1)
    wrong_keys_per_minute: int = Field(ge=1)
    num_readers: int = Field(ge=1, le=64)


class UploadsParams(Schema):
    """Section ``uploads``."""

    max_files: int = Field(ge=1)
    keep_s: float = Field(gt=0)


class LabelStudioParams(Schema):
    """Section ``label_studio``."""

    url: str = Field(pattern=r"^(https?://[^\s]+)?$")
    token_env: str


class CorrectionsParams(Schema):
    """Section ``corrections``."""

    dsn_env: str = Field(pattern=r"^([A-Z][A-Z0-9_]*)?$")
    statement: str = Field(min_length=1)
    max_mb: float = Field(gt=0, le=200)
    retry_s: float = Field(ge=0, le=30)


class ServeParams(Schema):
    """All of ``conf/serve.yaml``."""

    server: ServerParams
    models: ModelsParams
    limits: LimitsParams
    uploads: UploadsParams
    label_studio: LabelStudioParams
    corrections: CorrectionsParams


def load_serve_params(path: Path = PATH) -> ServeParams:
    """Read ``conf/serve.yaml``.

    Raises:
        InputError: with file and key.
    """
    found = load_block(path, (), ServeParams)
    if not isinstance(found, ServeParams):
        raise InputError(f"{path}: expected sections, got {found!r:.80}")
    return found
