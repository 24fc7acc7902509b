"""Pin a source's files: list them with sizes and hashes, and download as little as possible.

The hub lists sizes and hashes itself. An https source has its hash in ``conf/sources.yaml``. Files
of this machine are read once.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.core.urls import hide_secrets
from asr.corpora.chosen_files import ChosenFiles
from asr.corpora.pins import Pin
from asr.sources import archive, folder, https, hub
from asr.sources.archives import Content
from asr.sources.brought import Pinnable, brought
from asr.sources.corpus_source import Source
from asr.sources.hub_files import listed_files
from asr.sources.local import local_path
from asr.sources.params import FetchParams
from asr.sources.web import url_size


def pinnable(source: Source, corpus: str, corpus_format: str) -> Pinnable:
    """The source, if its files can be pinned.

    Raises:
        InputError: if it has rows in place of files, or its files can't be read one at a time.
    """
    if not isinstance(source, Pinnable):
        raise InputError(
            f"corpora.{corpus}.keep_raw: expected true for a source of kind {source.kind}, whose "
            "files can't be fetched one by one; false is for hub, https, folder and archive"
        )
    unpacks = not isinstance(source, folder.Source | hub.Source) or source.unpack
    if corpus_format == "parquet" and unpacks:
        raise InputError(
            f"corpora.{corpus}.keep_raw: expected true for Parquet files inside of archives, got "
            "false"
        )
    return source


def pin_files(source: Pinnable, chosen: ChosenFiles, limits: FetchParams, spool: Path) -> list[Pin]:
    """The pins of the files and archives that a corpus needs.

    Args:
        source: of the corpus.
        chosen: which of its files the format uses; learns those that are refused or not used.
        limits: section ``fetch``.
        spool: folder for the few files that have to be downloaded, to see whether they are audio.

    Raises:
        InputError: if the source is unavailable, has no archive where the block says so, or a
            file is too large.
    """
    match source:
        case archive.Source():
            path = local_path(source.path)
            if not path.is_file():
                raise InputError(f"{source.path}: expected an archive, got no such file")
            size, shown = path.stat().st_size, source.path
            return [Pin(path.name, size, f"sha256:{source.sha256}", True, shown)]
        case https.Source():
            parts = urlsplit(source.url)
            name = PurePosixPath(parts.path).name.strip(".") or "archive"
            size_there = url_size(
                source.url, allow_private=source.allow_private, own_host=parts.hostname
            )
            shown = hide_secrets(source.url)
            return [Pin(name, size_there, f"sha256:{source.sha256}", True, shown)]
        case folder.Source():
            return list(_of_folder(source, chosen, limits))
        case hub.Source():
            return list(_of_hub(source, chosen, limits, spool))


def _of_folder(source: folder.Source, chosen: ChosenFiles, limits: FetchParams) -> Iterator[Pin]:
    root = local_path(source.path)
    if not root.is_dir():
        raise InputError(f"{source.path}: expected a folder, got none")
    tree = folder.Tree(root, root, lambda name: True)
    if source.unpack:
        for name in folder.archives_in(tree):
            path = root / name
            yield Pin(name, path.stat().st_size, f"sha256:{sha256_of(path)}", True, source.path)
        tree = folder.without_archives(tree)
    for name, content in chosen.used(folder.read_folder(tree, chosen.wants, limits)):
        sha256 = hashlib.sha256(content).hexdigest()
        yield Pin(name, len(content), f"sha256:{sha256}", False, source.path)


def _of_hub(
    source: hub.Source, chosen: ChosenFiles, limits: FetchParams, spool: Path
) -> Iterator[Pin]:
    files = {pin.name: pin for pin in listed_files(source)}
    archives = filter(folder.is_archive, files) if source.unpack else iter(())
    for name in (found := list(archives)):
        pin = files.pop(name)
        yield Pin(name, pin.size, pin.hash, True, pin.address)
    if source.unpack and not found:
        raise InputError(
            f"{source.repo}@{source.revision}: expected an archive (unpack: true), got no "
            f"{folder.ARCHIVES}"
        )

    def contents() -> Iterator[tuple[str, Content]]:
        for name in filter(chosen.wants, files):
            pin = files[name]
            if pin.size is not None and pin.size > limits.max_bytes:
                raise InputError(f"{pin.address}: {limits.too_large(pin.size)}")
            if chosen.wants_by_name(name):
                yield name, b""
            else:  # only its content shows whether it is audio
                with brought(source, pin, spool) as path:
                    yield name, path.read_bytes()

    for name, _ in chosen.used(contents()):
        yield files[name]
