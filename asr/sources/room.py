"""The room that fetch needs, from what a source says of itself before anything is downloaded.

No estimate for a Debian package, a database and rows of the hub: only reading them shows their
size.
"""

from pathlib import Path
from urllib.parse import urlsplit

from asr.core.errors import InputError
from asr.core.locks import dvc_tmp
from asr.corpora.free_space import check_free, existing
from asr.sources import archive, folder, https, hub
from asr.sources.archives import Wants
from asr.sources.corpus_source import Source
from asr.sources.downloads import downloads_folder, remove_leftovers
from asr.sources.hub_files import cached_file, listed_files
from asr.sources.local import local_path
from asr.sources.web import url_size


def check_room(source: Source, wants: Wants, out: Path, *, is_rewritten: bool) -> None:
    """Raise ``InputError`` with both numbers if a disk is too small for a source's files.

    Args:
        source: that fetch is going to read.
        wants: whether the corpus needs a file of a name.
        out: the raw folder.
        is_rewritten: whether its tar is written a second time, without what is withdrawn, and the
            first one removed then.
    """
    # A source that can't be asked is no fault here: fetch says so, or has it all in its cache.
    try:
        kept, downloads = _sizes(source, wants)
    except (InputError, OSError):
        return
    written = 2 * kept if is_rewritten else kept
    # The folder is written in .dvc/tmp and renamed, or copied to another disk.
    if existing(out).stat().st_dev == existing(dvc_tmp()).stat().st_dev:
        check_free([(out, written), *downloads])
    else:
        check_free([(out, kept), (dvc_tmp(), written), *downloads])


def _sizes(source: Source, wants: Wants) -> tuple[int, list[tuple[Path, float]]]:
    """Bytes of the raw folder, and those of each cache that are to be downloaded."""
    match source:
        case archive.Source():
            return local_path(source.path).stat().st_size, []
        case folder.Source():
            root = local_path(source.path)
            files = [one for one in root.rglob("*") if one.is_file() and not one.is_symlink()]
            names = {one: one.relative_to(root).as_posix() for one in files}
            used = (
                one.stat().st_size for one, name in names.items()
                if wants(name) or (source.unpack and folder.is_archive(name))
            )  # fmt: skip
            return sum(used), []
        case https.Source():
            host = urlsplit(source.url).hostname
            size = url_size(source.url, allow_private=source.allow_private, own_host=host) or 0
            remove_leftovers()  # as the download will: a killed one may have left most of the file
            is_there = any((downloads_folder() / source.sha256).glob("*"))
            return size, [(downloads_folder(), 0 if is_there else size)]
        case hub.Source():
            return _of_hub(source, wants)
        case _:
            return 0, []


def _of_hub(source: hub.Source, wants: Wants) -> tuple[int, list[tuple[Path, float]]]:
    from huggingface_hub.constants import HF_HUB_CACHE

    listed = listed_files(source)
    kept = sum(
        one.size or 0 for one in listed
        if wants(one.name) or (source.unpack and folder.is_archive(one.name))
    )  # fmt: skip
    missing = sum(one.size or 0 for one in listed if cached_file(source, one.name) is None)
    return kept, [(Path(HF_HUB_CACHE), missing)]
