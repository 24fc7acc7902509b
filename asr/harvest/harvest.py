"""Download recordings that have an allowed license from the web, with yt-dlp.

The folder is a corpus in format ``paired``: recordings, subtitles beside them, and the inventory
``metadata.csv`` with license, source_url, title and uploader of each recording. The log
``harvest.csv``, which no format reads, has the time and the result of each URL.
"""

import hashlib
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field
from yt_dlp import YoutubeDL
from yt_dlp.utils import YoutubeDLError, unsmuggle_url

from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.core.locks import lock_folder
from asr.core.schema import Schema
from asr.corpora.paths import is_audio
from asr.harvest.spdx import spdx_of, stated_licenses
from asr.harvest.tables import HarvestRow, LogLine, read_table, write_table

CONF = Path("conf/harvests.yaml")
INVENTORY, LOG = "metadata.csv", "harvest.csv"
_GENERIC = ("Generic", "HTML5MediaEmbed")  # yt-dlp's extractors for any page; they set no license
_MAX_PAGE_BYTES = 4 << 20
_TIMEOUT_S = 30  # of each connection


class Harvest(Schema):
    """A block of ``conf/harvests.yaml``, where each key is explained."""

    urls: list[str] = Field(min_length=1)
    allow: list[str] = Field(min_length=1)
    unstated: str
    read_as: dict[str, str]
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    subtitles: list[str]


class Harvester:
    """Downloads the recordings of one block of ``conf/harvests.yaml`` into one folder."""

    def __init__(self, block: Harvest, out: Path) -> None:
        self._block, self._out = block, out
        self._partial = out / ".partial" / "files"  # beside the lock
        self._rows: dict[tuple[str, str], HarvestRow] = {}
        self._log: dict[str, LogLine] = {}
        self._stated: dict[str, list[str]] = {}  # licenses, by the page that states them
        self._listing = ""  # URL of the page or feed in progress
        self._refusals: dict[tuple[str, str], str] = {}  # reasons by recording, of one download
        self.results: dict[str, int] = dict.fromkeys(("new", "there", "refused", "failed"), 0)

    def run(self) -> None:
        """Visit every URL and download the recordings that are new and allowed.

        Raises:
            InputError: if a URL failed and the inventory is still empty, or another harvest is
                writing the folder.
        """
        with lock_folder(self._partial.parent) as held:
            if not held:
                raise InputError(
                    f"{self._out}: expected a folder that no other harvest writes, got one in use"
                )
            try:
                self._visit()
            finally:
                shutil.rmtree(self._partial.parent, ignore_errors=True)
        if not self._rows and self.results["failed"]:
            raise InputError(f"{self._out / LOG}: expected recordings, got none; the file says why")

    def _visit(self) -> None:
        """Visit every URL, with the inventory and the log of earlier runs."""
        self._rows = {
            (row.source_url, row.source_id): row
            for row in read_table(self._out / INVENTORY, HarvestRow)
        }
        self._log = {line.url: line for line in read_table(self._out / LOG, LogLine)}
        with YoutubeDL(self._options()) as self._site:
            for url in self._block.urls:
                try:
                    self._listing = url
                    for address, entry in _entries(self._site, url):
                        self._harvest(address, entry)
                except YoutubeDLError as error:
                    self._write_log(url, "failed", _plain(error))

    def _options(self) -> dict[str, Any]:
        return {
            "format": "bestaudio/best",
            "paths": {"home": str(self._partial)},
            "outtmpl": {"default": "%(autonumber)s.%(ext)s"},
            "writesubtitles": bool(self._block.subtitles),
            "subtitleslangs": self._block.subtitles,
            "subtitlesformat": "vtt/srt",
            "match_filter": self._refusal,
            "socket_timeout": _TIMEOUT_S,
            "cachedir": False,
            "updatetime": False,
            "quiet": True,
            "no_warnings": True,
            "noprogress": True,
            "logger": _NoLog(),
        }

    def _harvest(self, address: str, entry: dict[str, Any]) -> None:
        """Download the recordings of one entry of a page or feed, usually one."""
        if is_audio(address) and any(url == address and self._has(row)
                                     for (url, _), row in self._rows.items()):  # fmt: skip
            self._write_log(address, "there", "")  # we have it, and a direct link needs no request
            return
        shutil.rmtree(self._partial, ignore_errors=True)
        self._refusals = {}
        try:
            found = self._site.process_ie_result(entry, download=True)
        except YoutubeDLError as error:
            self._write_log(address, "failed", _plain(error), str(entry.get("title") or ""))
            return
        for info in _recordings(found):
            self._store(info)

    def _refusal(self, info: dict[str, Any], *, incomplete: bool) -> str | None:
        """yt-dlp's ``match_filter``: why not to download a recording, None to download it."""
        if incomplete or info.get("_type", "video") != "video":
            return None
        why = None
        if (known := self._rows.get(_key(info))) and self._has(known):
            why = "there"
        elif info.get("is_live"):
            why = "it is live, and has no end"
        else:
            license, stated = self._license(info)
            if license not in self._block.allow:
                why = f"license {license or stated}: not among {self._block.allow}"
        if why:
            self._refusals[_key(info)] = why
        return why

    def _license(self, info: dict[str, Any]) -> tuple[str | None, str]:
        """Return a recording's SPDX identifier, None if unknown, and the statement behind it."""
        if words := info.get("license"):
            return spdx_of(words, self._block.read_as), f"site: {words}"
        if stated := self._stated_for(info):
            known = {spdx_of(words, self._block.read_as) for words in stated}
            return known.pop() if len(known) == 1 else None, f"page: {', '.join(stated)}"
        return self._block.unstated or None, "block" if self._block.unstated else "not stated"

    def _stated_for(self, info: dict[str, Any]) -> list[str]:
        """Licenses stated on a recording's page or, if none, on the page that links to it."""
        if info.get("extractor_key") not in _GENERIC:
            return []
        own = [] if info.get("direct") else [_key(info)[0]]
        for page in (*own, self._listing):
            if page not in self._stated:
                self._stated[page] = stated_licenses(_page(self._site, page))
            if self._stated[page]:
                return self._stated[page]
        return []

    def _store(self, info: dict[str, Any]) -> None:
        """Move a downloaded recording into the folder, or log why there is none."""
        url, source_id = _key(info)
        title = str(info.get("title") or "")
        if why := self._refusals.get((url, source_id)):
            there = why == "there"
            self._write_log(url, "there" if there else "refused", "" if there else why, title)
            return
        downloads = [Path(one["filepath"]) for one in info.get("requested_downloads") or ()]
        if len(downloads) != 1 or not is_audio(downloads[0].name):
            names = [path.name for path in downloads]
            self._write_log(url, "failed", f"expected one file of sound, got {names}", title)
            return
        (audio,) = downloads
        row = self._row(info, audio)
        self._store_subtitles(info, Path(row.filename).stem)
        # Write the inventory first: after a kill, a recording without a row would have no license.
        self._rows[url, source_id] = row
        write_table(self._out / INVENTORY, sorted(self._rows.values(), key=lambda r: r.filename))
        audio.replace(self._out / row.filename)
        self._write_log(url, "new", "", title)

    def _row(self, info: dict[str, Any], audio: Path) -> HarvestRow:
        url, source_id = _key(info)
        license, stated = self._license(info)
        return HarvestRow(
            filename=f"{_name(url, source_id)}{audio.suffix}",
            language=self._block.language,
            license=str(license),
            license_stated=stated,
            source_url=url,
            source_id=source_id,
            title=str(info.get("title") or ""),
            uploader=str(info.get("uploader") or info.get("channel") or ""),
            published=str(info.get("upload_date") or ""),
            sha256=sha256_of(audio),
        )

    def _store_subtitles(self, info: dict[str, Any], name: str) -> None:
        """Store the subtitles in the first of the block's languages that has any."""
        there = info.get("requested_subtitles") or {}
        for language in self._block.subtitles:
            if path := there.get(language, {}).get("filepath"):
                Path(path).replace(self._out / f"{name}{Path(path).suffix}")
                return

    def _has(self, row: HarvestRow) -> bool:
        return (self._out / row.filename).is_file()

    def _write_log(self, url: str, result: str, why: str, title: str = "") -> None:
        self.results[result] += 1
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if result != "there" or url not in self._log:
            self._log[url] = LogLine(url, result, why, title, now)
            write_table(self._out / LOG, sorted(self._log.values(), key=lambda line: line.url))


class _NoLog:
    """A logger that discards messages: yt-dlp repeats errors in its exceptions."""

    def debug(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


def _page(site: YoutubeDL, url: str) -> str:
    """Return the text of an HTML or XML page; empty for other content."""
    with site.urlopen(url) as response:
        kind = response.headers.get("Content-Type", "")
        if "html" not in kind and "xml" not in kind:
            return ""
        content: bytes = response.read(_MAX_PAGE_BYTES)
        return content.decode(errors="replace")


def _entries(site: YoutubeDL, url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (URL, yt-dlp's info) for each entry of a page, feed or playlist."""
    info = site.extract_info(url, download=False, process=False)
    if info.get("_type") in ("playlist", "multi_video"):
        for entry in info["entries"]:
            if entry:
                yield unsmuggle_url(entry.get("url") or url)[0], entry
    else:
        yield url, info


def _recordings(info: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if info and info.get("_type") in ("playlist", "multi_video"):
        for entry in info["entries"]:
            yield from _recordings(entry)
    elif info:
        yield info


def _key(info: dict[str, Any]) -> tuple[str, str]:
    """A recording's URL and its id on the site."""
    address = unsmuggle_url(info.get("webpage_url") or info["url"])[0]
    return str(address), str(info["id"])


def _name(url: str, source_id: str) -> str:
    """A readable, unique file name without ending."""
    words = re.sub(r"[^\w-]+", "-", source_id).strip("-")[:40]
    return f"{words}-{hashlib.sha256(f'{url} {source_id}'.encode()).hexdigest()[:12]}"


def _plain(error: YoutubeDLError) -> str:
    return re.sub(r"\x1b\[[0-9;]*m|^ERROR: ", "", str(error)).partition("; please report")[0]
