"""A folder on this machine, such as an unpacked corpus."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.corpora.paths import is_visible
from asr.sources.archives import Content, Wants, read_archive
from asr.sources.local import local_path
from asr.sources.params import FetchParams
from asr.sources.still import check_still, read_still, stamps

ARCHIVES = (".tar", ".tar.bz2", ".tar.gz", ".tar.xz", ".tar.zst", ".tgz", ".zip")


class Source(Schema):
    """Block of ``conf/sources.yaml``; ``path`` is relative to the repository, or absolute.

    ``unpack: true`` reads the files in the folder's archives as if they were unpacked beside them.
    """

    kind: Literal["folder"]
    path: str = Field(min_length=1)
    unpack: bool = Field(False)
    license: str = Field(min_length=1)


@dataclass(frozen=True)
class Tree:
    """The files of a source in a folder.

    Attributes:
        root: the folder.
        links_within: links must not lead out of this folder.
        has: whether the source has the file of this name; others may lie there too.
    """

    root: Path
    links_within: Path
    has: Wants


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield (path relative to the folder, content) of the wanted files, sorted by path."""
    root = local_path(source.path)
    if not root.is_dir():
        raise InputError(f"{source.path}: expected a folder, got none")
    tree = Tree(root, root, lambda name: True)
    yield from (read_unpacked if source.unpack else read_folder)(tree, wants, limits)


def read_unpacked(tree: Tree, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Like ``read_folder``, but with the files inside of archives in place of the archives.

    They have the names that they would have if each archive were unpacked where it is: the file
    ``test/1.wav`` in ``audio/test.tar`` is ``audio/test/1.wav``. Files in archives come first.

    Raises:
        InputError: as ``read_folder`` and ``read_archive``, or if there is no archive.
    """
    archives = archives_in(tree)
    before = stamps(tree.root / name for name in archives)
    for name in archives:
        yield from _unpacked(tree, name, wants, limits)
    now = filter(is_archive, _names(tree)[0])
    check_still(tree.root, before, (tree.root / name for name in now))
    yield from read_folder(without_archives(tree), wants, limits)


def archives_in(tree: Tree) -> list[str]:
    """The names of a tree's archives, sorted.

    Raises:
        InputError: if there is none.
    """
    archives = sorted(filter(is_archive, _names(tree)[0]))
    if not archives:
        raise InputError(f"{tree.root}: expected an archive (unpack: true), got no {ARCHIVES}")
    return archives


def without_archives(tree: Tree) -> Tree:
    """The other files of a tree."""
    return replace(tree, has=lambda name: tree.has(name) and not is_archive(name))


def is_archive(name: str) -> bool:
    """Whether ``unpack: true`` reads the files inside of the file ``name``."""
    return name.endswith(ARCHIVES) and is_visible(name)


def _unpacked(
    tree: Tree, archive: str, wants: Wants, limits: FetchParams
) -> Iterator[tuple[str, Content]]:
    """Yield the wanted files of one archive; their names begin with the archive's folder."""
    path = _plain_file(tree.root, archive, tree.links_within)
    if isinstance(path, InputError):
        raise path
    yield from read_inside(path, archive, wants, limits)


def read_inside(
    path: Path, archive: str, wants: Wants, limits: FetchParams
) -> Iterator[tuple[str, Content]]:
    """Yield the wanted files of the archive at ``path``, named ``archive`` in its folder."""
    folder = archive[: archive.rfind("/") + 1]
    for name, content in read_archive(path, lambda name: wants(folder + name), limits):
        if isinstance(content, InputError):
            content = InputError(f"{archive}: {content}")
        yield folder + name, content


def read_folder(tree: Tree, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield (path relative to ``tree.root``, content) of the wanted files, sorted by path.

    A link to a folder, and a wanted file that is no file of the corpus, have an ``InputError`` in
    place of their content. Other files go on.

    Raises:
        InputError: if a folder can't be listed, or a wanted file is larger than
            ``fetch.max_file_mb``, or changes, vanishes or appears meanwhile.
    """
    root = tree.root
    names, linked = _names(tree)
    wanted = sorted(filter(wants, names))
    before = stamps(root / name for name in wanted)
    for name in sorted([*wanted, *filter(is_visible, linked)]):
        file = checked_file(root, name, tree.links_within, limits)
        if isinstance(file, InputError):
            if root / name in before:  # was it there, and vanished?
                check_still(root, {root / name: before[root / name]}, [root / name])
            yield name, file
        else:
            yield name, read_still(root, file, before[file])
    new = filter(wants, _names(tree)[0] - names)
    check_still(root, before, (root / name for name in (*wanted, *new)))


def _names(tree: Tree) -> tuple[set[str], set[str]]:
    """The names of the source's files in a folder and its folders, and those of linked folders."""
    names, linked = set[str](), set[str]()
    for folder, folders, files in os.walk(tree.root, onerror=_raise):
        place = Path(folder).relative_to(tree.root)
        names |= {(place / name).as_posix() for name in files}
        # os.walk does not follow them: a linked folder may contain itself, or the whole disk.
        linked |= {
            (place / name).as_posix() for name in folders if (tree.root / place / name).is_symlink()
        }
    return set(filter(tree.has, names)), linked


def checked_file(
    root: Path, name: str, links_within: Path, limits: FetchParams
) -> Path | InputError:
    """The file ``name`` in ``root``, or why it is no file of the corpus.

    It is none if it is missing, a pipe, a device, a folder, in a linked folder, or a link that
    leads to one of these or out of ``links_within``.

    Raises:
        InputError: if it is too large.
    """
    path = _plain_file(root, name, links_within)
    if isinstance(path, Path) and (size := path.stat().st_size) > limits.max_bytes:
        raise InputError(f"{path}: {limits.too_large(size)}")
    return path


def _plain_file(root: Path, name: str, links_within: Path) -> Path | InputError:
    path = root / name
    parents = [root.joinpath(*Path(name).parts[:n]) for n in range(1, len(Path(name).parts))]
    if any(parent.is_symlink() for parent in parents) or (path.is_symlink() and path.is_dir()):
        return InputError(
            f"{name}: expected no linked folder, got one; put the folder itself into the source"
        )
    real = Path(os.path.realpath(path))  # Path.resolve raises an error at a circle of links
    if path.is_symlink() and not real.is_relative_to(os.path.realpath(links_within)):
        return InputError(
            f"{name}: expected a file of the corpus, got a link out of its folder; put the file "
            "itself there"
        )
    if not path.is_file():
        return InputError(
            f"{name}: expected a file, got none, a pipe, a device or a link to nothing"
        )
    return path


def _raise(error: OSError) -> None:
    """os.walk skips a folder that it can't list, and tells nobody."""
    raise InputError(f"{error.filename}: can't be listed: {error.strerror}") from error
