"""Files of a data set on the Hugging Face hub: their list, and one file at a time."""

from pathlib import Path

from asr.core.errors import InputError
from asr.core.urls import hide_secrets
from asr.corpora.pins import Pin
from asr.sources.hub import Source
from asr.sources.web import DownloadError


def listed_files(source: Source) -> list[Pin]:
    """The files that ``allow`` names, with their sizes and hashes; nothing is downloaded.

    Raises:
        InputError: if the data set is unavailable.
    """
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

    try:
        tree = HfApi().list_repo_tree(
            source.repo, recursive=True, revision=source.revision, repo_type="dataset"
        )
        files = {one.path: one for one in tree if isinstance(one, RepoFile)}
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise InputError(f"{_failed(source, error)}; offline, keep_raw: true takes what the hub's "
                         "cache has") from error  # fmt: skip
    return [
        Pin(
            name,
            files[name].size,
            # Git LFS names files by their SHA-256. Small ones are in Git itself.
            f"sha256:{lfs.sha256}" if (lfs := files[name].lfs) else f"git:{files[name].blob_id}",
            is_archive=False,
            address=f"hf://datasets/{source.repo}@{source.revision}/{name}",
        )
        for name in filter_repo_objects(sorted(files), allow_patterns=source.allow)
    ]


def cached_file(source: Source, name: str) -> Path | None:
    """Where the hub's own cache has a file, if it has it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.repo, name, revision=source.revision, repo_type="dataset")
    return Path(found) if isinstance(found, str) else None


def download_hub_file(source: Source, name: str, folder: Path) -> Path:
    """Download a file into ``folder``, and not into the hub's cache; goes on where a run stopped.

    Raises:
        DownloadError: if the hub can't be reached, or the download breaks.
        InputError: if there is no such file, or no access to it.
    """
    import httpx2
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(
            hf_hub_download(
                source.repo, name, repo_type="dataset", revision=source.revision, local_dir=folder
            )
        )
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        response = getattr(error, "response", None)
        refused = response is not None and 400 <= response.status_code < 500
        too_many = response is not None and response.status_code == 429
        kind = InputError if refused and not too_many else DownloadError
        raise kind(f"{name}: {_failed(source, error)}") from error


def _failed(source: Source, error: Exception) -> str:
    why = hide_secrets(str(error.__cause__ or error).strip().partition("\n")[0])
    return (
        f"{source.repo}@{source.revision}: could not be downloaded from the hub: {why:.300} "
        "(check the network; a gated data set needs HF_TOKEN; a local copy can be read with kind "
        "folder)"
    )
