"""Bring a pinned file to this machine for the time of its use.

A download is resumed where it broke, compared with its pin, and removed after use. Files of this
machine are read where they are.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from asr.core.errors import InputError
from asr.core.urls import hide_secrets
from asr.corpora.pins import Pin, changed, check_pin, has_pinned_bytes
from asr.sources import archive, folder, https, hub
from asr.sources.hub_files import cached_file, download_hub_file
from asr.sources.local import local_path
from asr.sources.still import check_still, stamps
from asr.sources.web import DownloadError, download_url

RETRY_WAITS_S = (1.0, 5.0, 25.0, 60.0)  # before the next try; a server that restarts takes seconds

Pinnable = folder.Source | archive.Source | https.Source | hub.Source


@contextmanager
def brought(source: Pinnable, pin: Pin, spool: Path, *, stays: bool = False) -> Iterator[Path]:
    """A pinned file, checked.

    Args:
        source: that has it.
        pin: the file's.
        spool: folder for downloads, of this process alone. What an earlier one left there of the
            same file is used.
        stays: whether a download is left there for the next use.

    Raises:
        InputError: if the source has another file now, or none, or it can't be downloaded.
    """
    if (path := _here(source, pin)) is not None:
        before = stamps([path])
        check_pin(path, pin)
        yield path
        check_still(path, before, [path])
        return
    place = spool / pin.hash.replace(":", "-")
    place.mkdir(parents=True, exist_ok=True)
    yield _downloaded(source, pin, place)
    if not stays:
        shutil.rmtree(place)


def _here(source: Pinnable, pin: Pin) -> Path | None:
    """Where a file is on this machine; None if it is to be downloaded."""
    match source:
        case folder.Source():
            return local_path(source.path) / pin.name
        case archive.Source():
            return local_path(source.path)
        case hub.Source():
            cached = cached_file(source, pin.name)
            return cached if cached is not None and has_pinned_bytes(cached, pin) else None
        case https.Source():
            return None


def _downloaded(source: Pinnable, pin: Pin, place: Path) -> Path:
    path = place / pin.name
    if has_pinned_bytes(path, pin):
        return path
    for _ in range(2):  # the second time without the part that was there
        if isinstance(source, hub.Source):
            _patiently(lambda: download_hub_file(source, pin.name, place))
        elif isinstance(source, https.Source):
            _patiently(lambda: _get(source, path))
        if has_pinned_bytes(path, pin):
            return path
        error = _not_pinned(path, pin)
        shutil.rmtree(place)
        place.mkdir()
    raise error


def _not_pinned(path: Path, pin: Pin) -> InputError:
    try:
        check_pin(path, pin)
    except InputError as error:
        return error
    return changed(pin, "a file that changes")


def _patiently(download: Callable[[], object]) -> None:
    """Try a download again where it broke on its way.

    Raises:
        InputError: of the last try, with the number of tries.
    """
    for wait_s in (*RETRY_WAITS_S, None):
        try:
            download()
            return
        except DownloadError as error:
            if wait_s is None:
                tries = len(RETRY_WAITS_S) + 1
                raise InputError(f"{error} ({tries} tries in {sum(RETRY_WAITS_S):g} s)") from error
            time.sleep(wait_s)


def _get(source: https.Source, path: Path) -> None:
    with path.open("ab") as file:
        status = download_url(
            source.url,
            file,
            allow_private=source.allow_private,
            own_host=urlsplit(source.url).hostname,
            start=file.tell(),
        )
    if status == HTTPStatus.OK:
        return
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        path.unlink()  # the part is longer than the file
    late = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (
        HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    )  # fmt: skip
    kind = DownloadError if late else InputError
    raise kind(f"{hide_secrets(source.url)}: could not be downloaded: status {status}")
