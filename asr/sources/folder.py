"""A folder on this machine, such as an unpacked corpus."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.corpora.paths import is_visible
from asr.sources.archives import Wants
from asr.sources.params import FetchParams
from asr.sources.still import check_still, read_still, stamps


class Source(Schema):
    """Block of ``conf/sources.yaml``; ``path`` is relative to the repository, or absolute."""

    kind: Literal["folder"]
    path: str = Field(min_length=1)
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, bytes]]:
    """Yield (path relative to the folder, content) of the wanted files, sorted by path."""
    root = Path(source.path).expanduser()
    if not root.is_dir():
        raise InputError(f"{source.path}: expected a folder, got none")
    yield from read_folder(root, root, wants, limits)


def read_folder(
    root: Path, links_within: Path, wants: Wants, limits: FetchParams
) -> Iterator[tuple[str, bytes]]:
    """Yield (path relative to ``root``, content) of the wanted files, sorted by path.

    Raises:
        InputError: if a folder can't be listed or is a link, or if a wanted file is larger than
            ``fetch.max_file_mb``, is a pipe or a device, or is a link that leads to nothing or out
            of ``links_within``; or if a wanted file changes, vanishes or appears meanwhile.
    """
    names = _names(root)
    wanted = sorted(filter(wants, names))
    before = stamps(root / name for name in wanted)
    for name in wanted:
        file = checked_file(root, name, links_within, limits)
        if file is None:
            check_still(root, {root / name: before[root / name]}, [root / name])
            raise InputError(
                f"{root / name}: expected a file, got a pipe, a device or a link to nothing"
            )
        yield name, read_still(root, file, before[file])
    new = filter(wants, _names(root) - names)
    check_still(root, before, (root / name for name in (*wanted, *new)))


def _names(root: Path) -> set[str]:
    """The names of all files in a folder and its folders."""
    found = set[str]()
    for folder, folders, files in os.walk(root, onerror=_raise):
        place = Path(folder).relative_to(root)
        for name in folders:
            if (root / place / name).is_symlink() and is_visible((place / name).as_posix()):
                # A linked folder may contain itself, or the whole disk.
                raise InputError(
                    f"{root / place / name}: expected a folder, got a link to one; put the folder "
                    "itself there, or remove the link"
                )
        found |= {(place / name).as_posix() for name in files}
    return found


def checked_file(root: Path, name: str, links_within: Path, limits: FetchParams) -> Path | None:
    """Return the file ``name`` in ``root``; None if there is no regular one.

    Raises:
        InputError: if it is too large, in a linked folder, or a link out of ``links_within``.
    """
    path = root / name
    parts = Path(name).parts
    for depth in range(1, len(parts)):
        if (folder := root.joinpath(*parts[:depth])).is_symlink():
            raise InputError(f"{folder}: expected a folder, got a link to one")
    real = Path(os.path.realpath(path))  # Path.resolve raises an error at a circle of links
    if path.is_symlink() and not real.is_relative_to(os.path.realpath(links_within)):
        raise InputError(
            f"{path}: expected a file of the corpus, got a link out of its folder; put the file "
            "itself there, or remove the link"
        )
    if not path.is_file():
        return None
    if (size := path.stat().st_size) > limits.max_bytes:
        raise InputError(f"{path}: {limits.too_large(size)}")
    return path


def _raise(error: OSError) -> None:
    """os.walk skips a folder that it can't list, and tells nobody."""
    raise InputError(f"{error.filename}: can't be listed: {error.strerror}") from error
