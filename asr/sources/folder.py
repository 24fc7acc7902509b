"""A folder on this machine, such as an unpacked corpus."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.sources.archives import Wants


class Source(Schema):
    """Block of ``conf/sources.yaml``; ``path`` is relative to the repository, or absolute."""

    kind: Literal["folder"]
    path: str = Field(min_length=1)
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants) -> Iterator[tuple[str, bytes]]:
    """Yield (path relative to the folder, content) of the wanted files, sorted by path."""
    root = Path(source.path).expanduser()
    if not root.is_dir():
        raise InputError(f"{source.path}: expected a folder, got none")
    names = {file.relative_to(root).as_posix(): file for file in root.rglob("*") if file.is_file()}
    for name in sorted(names):
        if wants(name):
            yield name, names[name].read_bytes()
