"""An archive on this machine."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.core.schema import Schema
from asr.sources.archives import Content, Wants, read_archive
from asr.sources.local import local_path
from asr.sources.params import FetchParams
from asr.sources.still import check_still, stamps


class Source(Schema):
    """Block of ``conf/sources.yaml``; ``path`` is relative to the repository, or absolute."""

    kind: Literal["archive"]
    path: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield (name, content) of the wanted files, in the archive's own order."""
    path = local_path(source.path)
    if not path.is_file():
        raise InputError(f"{source.path}: expected an archive, got no such file")
    before = stamps([path])
    if (got := sha256_of(path)) != source.sha256:
        raise InputError(f"{source.path}: expected SHA-256 {source.sha256}, got {got}")
    yield from read_archive(path, wants, limits)
    check_still(path, before, [path])
