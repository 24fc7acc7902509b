"""Sources: where a corpus's files come from. One file a kind, each with its block's schema.

A kind's module offers::

    class Source(Schema)
        the block of ``conf/sources.yaml``, with its ``kind`` as a literal and its ``license``.

    bring(source: Source, wants: Wants) -> Iterator[tuple[str, bytes]]
        the wanted files, name and content, in an order that is always the same.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from asr.core.params import load_block
from asr.corpora.raw_folder import Provenance
from asr.sources import archive, datasets, debian, folder, https, hub, sql
from asr.sources.archives import Wants

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
        InputError: naming the file and the key that is missing or at fault.
    """
    source: Source = load_block(path, (name,), TypeAdapter(Source))
    return source


def bring(source: Source, wants: Wants) -> Iterator[tuple[str, bytes]]:
    """The files of ``source`` that are wanted, name and content.

    Raises:
        InputError: if they can't be had, or are not what the block says; with what to do about it.
    """
    match source:
        case debian.Source():
            return debian.bring(source, wants)
        case folder.Source():
            return folder.bring(source, wants)
        case archive.Source():
            return archive.bring(source, wants)
        case https.Source():
            return https.bring(source, wants)
        case hub.Source():
            return hub.bring(source, wants)
        case datasets.Source():
            return datasets.bring(source, wants)
        case sql.Source():
            return sql.bring(source, wants)


def provenance(source: Source, num_files: int) -> Provenance:
    """What is written down of a source."""
    sha256: str | None
    match source:
        case debian.Source():
            origin, sha256 = f"{source.package}={source.version}", source.sha256
        case folder.Source():
            origin, sha256 = source.path, None
        case archive.Source():
            origin, sha256 = source.path, source.sha256
        case https.Source():
            origin, sha256 = source.url, source.sha256
        case hub.Source():
            origin, sha256 = f"{source.repo}@{source.revision}", None
        case datasets.Source():
            whole = "/".join(filter(None, (source.repo, source.config)))
            origin, sha256 = f"{whole}@{source.revision}", None
        case sql.Source():
            # Never the address: it holds a password.
            origin, sha256 = f"query of ${source.dsn_env}", None
    return Provenance(
        kind=source.kind, origin=origin, sha256=sha256, license=source.license, num_files=num_files
    )
