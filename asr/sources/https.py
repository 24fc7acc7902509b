"""An archive at an https URL."""

import shutil
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.sources.archives import Wants, read_archive
from asr.sources.downloads import download

TIMEOUT_S = 60.0  # without a byte from the server


class Source(Schema):
    """Block of ``conf/sources.yaml``. Unencrypted http is allowed for localhost only."""

    kind: Literal["https"]
    url: str = Field(pattern=r"^(https://|http://(127\.0\.0\.1|localhost)[:/])[^\s]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the wanted files, in the archive's order; caches the download."""
    name = PurePosixPath(urlsplit(source.url).path).name or "archive"

    def get(folder: Path) -> Path:
        path = folder / name
        try:
            with (
                urllib.request.urlopen(source.url, timeout=TIMEOUT_S) as response,
                path.open("wb") as file,
            ):
                shutil.copyfileobj(response, file)
        except (OSError, HTTPException) as error:
            raise InputError(f"{source.url}: could not be downloaded: {error}") from error
        return path

    yield from read_archive(download(name, source.sha256, get), wants)
