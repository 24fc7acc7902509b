"""An archive at an https URL."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.core.urls import hide_secrets
from asr.sources.archives import Content, Wants, read_archive
from asr.sources.downloads import download
from asr.sources.params import FetchParams
from asr.sources.web import download_url


class Source(Schema):
    """Block of ``conf/sources.yaml``. Unencrypted http is allowed for localhost only.

    ``allow_private`` permits redirects to addresses of this machine or of its network. The host of
    ``url`` itself may have any address.
    """

    kind: Literal["https"]
    url: str = Field(
        pattern=r"^(https://|http://([^/?#@\s]*@)?(127\.0\.0\.1|localhost)[:/])[^\s]+$"
    )
    allow_private: bool = Field(False)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield (name, content) of the wanted files, in the archive's order; caches the download."""
    parts = urlsplit(source.url)
    name = PurePosixPath(parts.path).name.strip(".") or "archive"

    def get(folder: Path) -> Path:
        path = folder / name
        with path.open("wb") as file:
            status = download_url(
                source.url, file, allow_private=source.allow_private, own_host=parts.hostname
            )
        if status != HTTPStatus.OK:
            raise InputError(
                f"{hide_secrets(source.url)}: could not be downloaded: status {status}"
            )
        return path

    yield from read_archive(download(name, source.sha256, get), wants, limits)
