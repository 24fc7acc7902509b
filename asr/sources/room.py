"""The room that fetch needs, from what a source says of itself before anything is downloaded.

No estimate for a Debian package, a database and rows of the hub: only reading them shows their
size.
"""

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from asr.core.errors import InputError
from asr.corpora.free_space import check_free
from asr.sources import archive, folder, https, hub
from asr.sources.archives import Wants
from asr.sources.corpus_source import Source
from asr.sources.downloads import downloads_folder
from asr.sources.hub_files import cached_file, listed_files
from asr.sources.local import local_path
from asr.sources.web import url_size


def check_room(source: Source, wants: Wants, out: Path) -> None:
    """Raise ``InputError`` with both numbers if a disk is too small for a source's files.

    Args:
        source: that fetch is going to read.
        wants: whether the corpus needs a file of a name.
        out: the raw folder.
    """
    # A source that can't be asked is no fault here: fetch says so, or has it all in its cache.
    needs: list[tuple[Path, float]] = []
    with suppress(InputError, OSError):
        needs = _needs(source, wants, out)
    check_free(needs)


def _needs(source: Source, wants: Wants, out: Path) -> list[tuple[Path, float]]:
    match source:
        case archive.Source():
            return [(out, local_path(source.path).stat().st_size)]
        case folder.Source():
            root = local_path(source.path)
            files = [one for one in root.rglob("*") if one.is_file() and not one.is_symlink()]
            names = {one: one.relative_to(root).as_posix() for one in files}
            used = (
                one.stat().st_size for one, name in names.items()
                if wants(name) or (source.unpack and folder.is_archive(name))
            )  # fmt: skip
            return [(out, sum(used))]
        case https.Source():
            host = urlsplit(source.url).hostname
            size = url_size(source.url, allow_private=source.allow_private, own_host=host) or 0
            missing = 0 if (downloads_folder() / source.sha256).is_dir() else size
            return [(out, size), (downloads_folder(), missing)]
        case hub.Source():
            return _of_hub(source, wants, out)
        case _:
            return []


def _of_hub(source: hub.Source, wants: Wants, out: Path) -> list[tuple[Path, float]]:
    from huggingface_hub.constants import HF_HUB_CACHE

    listed = listed_files(source)
    kept = sum(
        one.size or 0 for one in listed
        if wants(one.name) or (source.unpack and folder.is_archive(one.name))
    )  # fmt: skip
    missing = sum(one.size or 0 for one in listed if cached_file(source, one.name) is None)
    return [(out, kept), (Path(HF_HUB_CACHE), missing)]
