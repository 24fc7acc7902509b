"""A data set of the Hugging Face hub, at a commit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.core.urls import hide_secrets
from asr.sources.archives import Content, Wants
from asr.sources.folder import Tree, read_folder, read_unpacked
from asr.sources.params import FetchParams


class Source(Schema):
    """Block of ``conf/sources.yaml``.

    ``revision`` must be a commit, because a branch can change. ``allow`` lists patterns of the
    files to download, such as ``data/train-*.parquet``. ``unpack: true`` reads the files in its
    archives as if they were unpacked beside them. Gated data sets need a token: set ``HF_TOKEN`` or
    run ``hf auth login``.
    """

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    allow: list[str] = Field(min_length=1)
    unpack: bool = Field(False)
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield (name, content) of the wanted files, sorted by name; the hub's cache holds them."""
    from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

    def allowed(name: str) -> bool:
        """The cache may have other files of the data set, which another block has downloaded."""
        return any(filter_repo_objects([name], allow_patterns=source.allow))

    snapshot = _snapshot(source)
    # A snapshot consists of links to ../../blobs, which are in the same data set's folder.
    tree = Tree(snapshot, snapshot.parents[1], allowed)
    yield from (read_unpacked if source.unpack else read_folder)(tree, wants, limits)


def _snapshot(source: Source) -> Path:
    import httpx2
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                source.repo,
                repo_type="dataset",
                revision=source.revision,
                allow_patterns=source.allow,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx2.HTTPError, OSError) as error:
        why = hide_secrets(str(error.__cause__ or error).strip().partition("\n")[0])
        raise InputError(
            f"{source.repo}@{source.revision}: could not be downloaded from the hub: {why:.300} "
            "(check the network; a gated data set needs HF_TOKEN; a local copy can be read with "
            "kind folder)"
        ) from error
