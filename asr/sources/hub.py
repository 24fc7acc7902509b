"""A data set of the Hugging Face hub, at a commit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.core.urls import hide_secrets
from asr.sources.archives import Content, Wants
from asr.sources.folder import read_folder
from asr.sources.params import FetchParams


class Source(Schema):
    """Block of ``conf/sources.yaml``.

    ``revision`` must be a commit, because a branch can change. ``allow`` lists patterns of the
    files to download, such as ``data/train-*.parquet``. Gated data sets need a token: set
    ``HF_TOKEN`` or run ``hf auth login``.
    """

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    allow: list[str] = Field(min_length=1)
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield (name, content) of the wanted files, sorted by name; the hub's cache holds them."""
    snapshot = _snapshot(source)
    # A snapshot consists of links to ../../blobs, which are in the same data set's folder.
    yield from read_folder(snapshot, snapshot.parents[1], wants, limits)


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
