"""The sources of a corpus's files: one module for each ``kind`` in ``conf/sources.yaml``.

Each module defines::

    class Source(Schema)
        the schema of a block; ``kind`` is a literal that names the module.

    fetch_files(
        source: Source, wants: Wants, limits: FetchParams
    ) -> Iterator[tuple[str, Content]]
        yields (name, content) of the wanted files, always in the same order, so that the raw
        folder's hash does not change between runs. A link out of the corpus, a linked folder, a
        pipe or a device has an ``InputError`` in place of its content: prepare rejects it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from asr.core.params import load_block
from asr.core.urls import hide_secrets
from asr.corpora.raw_folder import Provenance
from asr.sources import archive, datasets, debian, folder, https, hub, sql
from asr.sources.archives import Content, Wants
from asr.sources.params import FetchParams

CONF = Path("conf/sources.yaml")

Source = Annotated[
    debian.Source
    | folder.Source
    | archive.Source
    | https.Source
    | hub.Source
    | datasets.Source
    | sql.Source,
    Field(discriminator="kind"),
]


def load_source(name: str, path: Path = CONF) -> Source:
    """The block ``name`` of ``conf/sources.yaml``, checked.

    Raises:
        InputError: if a key is missing or invalid; the message names file and key.
    """
    source: Source = load_block(path, (name,), TypeAdapter(Source))
    return source


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield (name, content) of the files of ``source`` that ``wants`` accepts.

    Raises:
        InputError: if the files are unavailable or have another hash than the block declares.
    """
    match source:
        case debian.Source():
            return debian.fetch_files(source, wants, limits)
        case folder.Source():
            return folder.fetch_files(source, wants, limits)
        case archive.Source():
            return archive.fetch_files(source, wants, limits)
        case https.Source():
            return https.fetch_files(source, wants, limits)
        case hub.Source():
            return hub.fetch_files(source, wants, limits)
        case datasets.Source():
            return datasets.fetch_files(source, wants, limits)
        case sql.Source():
            return sql.fetch_files(source, wants, limits)


def provenance(source: Source, num_files: int) -> Provenance:
    """Return the provenance of a source, which fetch writes to ``source.json``."""
    sha256: str | None
    match source:
        case debian.Source():
            origin, sha256 = f"{source.package}={source.version}", source.sha256
        case folder.Source():
            origin, sha256 = source.path, None
        case archive.Source():
            origin, sha256 = source.path, source.sha256
        case https.Source():
            origin, sha256 = hide_secrets(source.url), source.sha256
        case hub.Source():
            origin, sha256 = f"{source.repo}@{source.revision}", None
        case datasets.Source():
            whole = "/".join(filter(None, (source.repo, source.config)))
            origin, sha256 = f"{whole}@{source.revision}", None
        case sql.Source():
            # The connection string is not stored, because it holds a password.
            origin, sha256 = f"query of ${source.dsn_env}", None
    return Provenance(
        kind=source.kind, origin=origin, sha256=sha256, license=source.license, num_files=num_files
    )
