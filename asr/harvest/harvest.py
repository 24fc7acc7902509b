"""Recordings from the web, by yt-dlp: what has a license that is allowed, and where it is from.

The folder is what format ``paired`` reads: recordings, the subtitles beside them, and an inventory
``metadata.csv`` with each one's license, source_url, title and uploader. ``harvest.csv``, which no
format reads, says of every address when it was looked at and what came of it.
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
from asr.core.schema import Schema
from asr.corpora.paths import is_audio
from asr.harvest.spdx import spdx_of, stated_licenses
from asr.harvest.tables import HarvestRow, Look, read_table, write_table

CONF = Path("conf/harvests.yaml")
INVENTORY, LOG = "metadata.csv", "harvest.csv"
_GENERIC = ("Generic", "HTML5MediaEmbed")  # that read any page, and say nothing of its license
_MAX_PAGE_BYTES = 4 << 20
_PATIENCE_S = 30


class Harvest(Schema):
    """A block of ``conf/harvests.yaml``, where each key is explained."""

    urls: list[str] = Field(min_length=1)
    allow: list[str] = Field(min_length=1)
    unstated: str
    read_as: dict[str, str]
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    subtitles: list[str]


class Harvester:
    """Fills one folder from one block."""

    def __init__(self, block: Harvest, out: Path) -> None:
        """Read what is there already."""
        self._block, self._out = block, out
        self._beside = out / ".partial"
        self._rows = {
            (row.source_url, row.source_id): row for row in read_table(out / INVENTORY, HarvestRow)
        }
        self._looks = {look.url: look for look in read_table(out / LOG, Look)}
        self._stated: dict[str, list[str]] = {}  # licenses, by the page that states them
        self._listing = ""  # the page or feed at hand
        self._refusals: dict[tuple[str, str], str] = {}  # by address: of the download at hand
        self.results: dict[str, int] = dict.fromkeys(("new", "there", "refused", "failed"), 0)

    def run(self) -> None:
        """Look at every address; what is allowed and new is fetched.

        Raises:
            InputError: if nothing could be looked at, so that the folder is still empty.
        """
        self._out.mkdir(parents=True, exist_ok=True)
        with YoutubeDL(self._options()) as self._site:
            for url in self._block.urls:
                try:
                    self._listing = url
                    for address, entry in _entries(self._site, url):
                        self._harvest(address, entry)
                except YoutubeDLError as error:
                    self._note(url, "failed", _plain(error))
        shutil.rmtree(self._beside, ignore_errors=True)
        if not self._rows and self.results["failed"]:
            raise InputError(f"{self._out / LOG}: nothing could be fetched; it says why")

    def _options(self) -> dict[str, Any]:
        return {
            "format": "bestaudio/best",
            "paths": {"home": str(self._beside)},
            "outtmpl": {"default": "%(autonumber)s.%(ext)s"},
            "writesubtitles": bool(self._block.subtitles),
            "subtitleslangs": self._block.subtitles,
            "subtitlesformat": "vtt/srt",
            "match_filter": self._refusal,
            "socket_timeout": _PATIENCE_S,
            "cachedir": False,
            "updatetime": False,
            "quiet": True,
            "no_warnings": True,
            "noprogress": True,
            "logger": _Silence(),
        }

    def _harvest(self, address: str, entry: dict[str, Any]) -> None:
        """What one entry of a page or feed holds, as a rule one recording."""
        if is_audio(address) and any(url == address and self._has(row)
                                     for (url, _), row in self._rows.items()):  # fmt: skip
            self._note(address, "there", "")  # a file is what its address says: no need to ask
            return
        shutil.rmtree(self._beside, ignore_errors=True)
        self._refusals = {}
        try:
            found = self._site.process_ie_result(entry, download=True)
        except YoutubeDLError as error:
            self._note(address, "failed", _plain(error), str(entry.get("title") or ""))
            return
        for info in _recordings(found):
            self._keep(info)

    def _refusal(self, info: dict[str, Any], *, incomplete: bool) -> str | None:
        """Why a recording shall not be downloaded; yt-dlp asks before it does."""
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
        """A recording's license, None if it is not known, and who states it in which words."""
        if words := info.get("license"):
            return spdx_of(words, self._block.read_as), f"site: {words}"
        if stated := self._stated_for(info):
            known = {spdx_of(words, self._block.read_as) for words in stated}
            return known.pop() if len(known) == 1 else None, f"page: {', '.join(stated)}"
        return self._block.unstated or None, "block" if self._block.unstated else "not stated"

    def _stated_for(self, info: dict[str, Any]) -> list[str]:
        """What the page of a recording states as its license, or else the page that led there."""
        if info.get("extractor_key") not in _GENERIC:
            return []
        own = [] if info.get("direct") else [_key(info)[0]]
        for page in (*own, self._listing):
            if page not in self._stated:
                self._stated[page] = stated_licenses(_page(self._site, page))
            if self._stated[page]:
                return self._stated[page]
        return []

    def _keep(self, info: dict[str, Any]) -> None:
        """Put a recording that was downloaded into the folder, or say why it was not."""
        url, source_id = _key(info)
        title = str(info.get("title") or "")
        if why := self._refusals.get((url, source_id)):
            there = why == "there"
            self._note(url, "there" if there else "refused", "" if there else why, title)
            return
        downloads = [Path(one["filepath"]) for one in info.get("requested_downloads") or ()]
        if len(downloads) != 1 or not is_audio(downloads[0].name):
            names = [path.name for path in downloads]
            self._note(url, "failed", f"expected one file of sound, got {names}", title)
            return
        (audio,) = downloads
        row = self._row(info, audio)
        self._take_subtitles(info, Path(row.filename).stem)
        # The inventory first: a recording without its line would have no license.
        self._rows[url, source_id] = row
        write_table(self._out / INVENTORY, sorted(self._rows.values(), key=lambda r: r.filename))
        audio.replace(self._out / row.filename)
        self._note(url, "new", "", title)

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

    def _take_subtitles(self, info: dict[str, Any], name: str) -> None:
        """Keep those of the first language that there is, of the block's."""
        there = info.get("requested_subtitles") or {}
        for language in self._block.subtitles:
            if path := there.get(language, {}).get("filepath"):
                Path(path).replace(self._out / f"{name}{Path(path).suffix}")
                return

    def _has(self, row: HarvestRow) -> bool:
        return (self._out / row.filename).is_file()

    def _note(self, url: str, result: str, why: str, title: str = "") -> None:
        self.results[result] += 1
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if result != "there" or url not in self._looks:
            self._looks[url] = Look(url, result, why, title, now)
            write_table(self._out / LOG, sorted(self._looks.values(), key=lambda look: look.url))


class _Silence:
    """yt-dlp says what went wrong in its exceptions too."""

    def debug(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


def _page(site: YoutubeDL, url: str) -> str:
    """The text of a page or feed; nothing of what is no text."""
    with site.urlopen(url) as response:
        kind = response.headers.get("Content-Type", "")
        if "html" not in kind and "xml" not in kind:
            return ""
        content: bytes = response.read(_MAX_PAGE_BYTES)
        return content.decode(errors="replace")


def _entries(site: YoutubeDL, url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Addresses that a page, feed or playlist leads to, with what yt-dlp makes of them."""
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
    """The address and the site's id of a recording."""
    address = unsmuggle_url(info.get("webpage_url") or info["url"])[0]
    return str(address), str(info["id"])


def _name(url: str, source_id: str) -> str:
    """A file name that says something, and is another's never."""
    words = re.sub(r"[^\w-]+", "-", source_id).strip("-")[:40]
    return f"{words}-{hashlib.sha256(f'{url} {source_id}'.encode()).hexdigest()[:12]}"


def _plain(error: YoutubeDLError) -> str:
    return re.sub(r"\x1b\[[0-9;]*m|^ERROR: ", "", str(error)).partition("; please report")[0]
