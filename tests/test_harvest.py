# python -m pytest tests/test_harvest.py
"""Recordings are fetched from a real web server on loopback, by yt-dlp's own readers of pages."""

import csv
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.core.locks import lock_folder
from asr.core.params import load_block
from asr.corpora.formats import corpus_format
from asr.harvest.harvest import CONF, Harvest
from asr.harvest.spdx import spdx_of, stated_licenses
from commands.harvest import harvest
from tests.bad_audio import encode
from tests.examples import tone, wav
from tests.pipeline_repo import ROOT

BY = "https://creativecommons.org/licenses/by/4.0/"
PAGE = """<!DOCTYPE html><html><head><title>{title}</title></head><body>
<a rel="license" href="{license}">terms</a>
<audio controls src="{audio}"><track kind="subtitles" srclang="be" src="talk.vtt"></audio>
</body></html>"""
SUBTITLES = """WEBVTT

00:00.000 --> 00:00.400
Воўк.

00:00.500 --> 00:01.000
Кіт.
"""
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:creativeCommons="http://backend.userland.com/creativeCommonsRssModule">
<channel><title>Feed</title><creativeCommons:license>{license}</creativeCommons:license>
{items}</channel></rss>"""
ITEM = """<item><title>{name}</title><guid>{name}</guid>
<pubDate>Mon, 02 Mar 2026 10:00:00 GMT</pubDate>
<enclosure url="{site}/{name}" type="audio/wav" length="1"/></item>"""


class Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".vtt": "text/vtt",
        ".ogg": "audio/ogg",
        ".wav": "audio/wav",
    }

    def log_message(self, *_):
        self.server.asked.append(self.path)


@pytest.fixture
def site(tmp_path):
    """A web site: a page with subtitles, one of a license that nobody allows, a feed, a file."""
    root = tmp_path / "site"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=root))
    server.asked, server.root = [], root
    server.url = f"http://127.0.0.1:{server.server_port}"
    (root / "talk.ogg").write_bytes(encode(tone(1.0, rate=44_100), 44_100, "OGG", "VORBIS"))
    (root / "talk.vtt").write_text(SUBTITLES)
    page = PAGE.format(title="A talk", license=BY, audio="talk.ogg")
    (root / "talk.html").write_text(page)
    (root / "kept.html").write_text(page.replace("/by/", "/by-nc-nd/"))
    for number in (1, 2):
        (root / f"{number}.wav").write_bytes(wav(tone(0.5, hz=100.0 * number)))
    write_feed(server, "1.wav", "gone.wav")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def write_feed(site, *names):
    items = "".join(ITEM.format(name=name, site=site.url) for name in names)
    (site.root / "feed.xml").write_text(FEED.format(license=BY, items=items))


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "harvested"


def run(site, out, *pages, **changes):
    """Harvest the pages, of every license that this test's site may allow."""
    block = {
        "urls": [f"{site.url}/{page}" for page in pages], "allow": ["CC-BY-4.0", "CC0-1.0"],
        "unstated": "", "read_as": {}, "language": "be", "subtitles": ["be"],
    } | changes  # fmt: skip
    Path("conf").mkdir(exist_ok=True)
    Path("conf/harvests.yaml").write_text(json.dumps({"talks": block}))
    harvest("talks", out)


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results(out, site):
    looks = table(out / "harvest.csv")
    return {look["url"].removeprefix(f"{site.url}/"): look["result"] for look in looks}


def why(out, page):
    (found,) = (look["why"] for look in table(out / "harvest.csv") if look["url"].endswith(page))
    return found


def read(out):
    """The recordings, as format ``paired`` has them of the folder."""
    paired = corpus_format("paired")
    files = {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.is_file()}
    return list(paired.read({k: v for k, v in files.items() if paired.wants(k, "be")}, "be", {}))


@pytest.mark.integration
def test_a_page_gives_a_recording_with_timed_text_and_its_provenance(site, out):
    run(site, out, "talk.html")
    (one,) = read(out)
    assert one.audio == (site.root / "talk.ogg").read_bytes() and one.fault is None
    assert [(s.start_s, s.end_s, s.text) for s in one.segments] == [
        (0.0, 0.4, "Воўк."), (0.5, 1.0, "Кіт."),
    ]  # fmt: skip
    assert (one.license, one.language) == ("CC-BY-4.0", "be")
    assert one.attributes["source_url"] == f"{site.url}/talk.html"
    assert one.attributes["title"] == "A talk (1)"  # the first sound of that page
    assert one.attributes["license_stated"] == f"page: {BY}"


@pytest.mark.integration
def test_what_no_license_allows_is_refused_with_its_reason_and_never_asked_for(site, out):
    run(site, out, "kept.html")
    assert "/talk.ogg" not in site.asked
    run(site, out, "kept.html", "1.wav", "talk.html")
    assert results(out, site) == {"kept.html": "refused", "1.wav": "refused", "talk.html": "new"}
    assert why(out, "kept.html") == "license CC-BY-NC-ND-4.0: not among ['CC-BY-4.0', 'CC0-1.0']"
    assert why(out, "1.wav") == "license not stated: not among ['CC-BY-4.0', 'CC0-1.0']"
    assert len(read(out)) == 1


@pytest.mark.integration
def test_what_a_page_says_itself_goes_before_the_feed_that_leads_there(site, out):
    item = f"<item><title>kept</title><link>{site.url}/kept.html</link></item>"
    (site.root / "feed.xml").write_text(FEED.format(license=BY, items=item))
    run(site, out, "feed.xml", "talk.html")
    assert results(out, site) == {"kept.html": "refused", "talk.html": "new"}
    assert "license CC-BY-NC-ND-4.0: not among" in why(out, "kept.html")


@pytest.mark.integration
def test_a_file_of_a_license_that_its_owner_told(site, out):
    run(site, out, "1.wav", unstated="CC0-1.0")
    (one,) = read(out)
    assert (one.license, one.attributes["license_stated"]) == ("CC0-1.0", "block")


@pytest.mark.integration
def test_a_second_run_fetches_only_what_is_new(site, out, capsys):
    run(site, out, "talk.html", "feed.xml")
    assert "2 new, 0 there, 0 refused, 1 failed" in capsys.readouterr().out
    assert results(out, site) == {"talk.html": "new", "1.wav": "new", "gone.wav": "failed"}
    assert "HTTP Error 404" in why(out, "gone.wav")
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.iterdir()}
    first = {one.name for one in read(out)}

    write_feed(site, "2.wav", "1.wav")
    site.asked.clear()
    run(site, out, "talk.html", "feed.xml")
    assert "1 new, 2 there, 0 refused, 0 failed" in capsys.readouterr().out
    assert set(site.asked) == {"/talk.html", "/feed.xml", "/2.wav"}
    kept = [path for path in before if path.suffix in (".ogg", ".wav", ".vtt")]
    assert len(kept) == 3 and all(path.stat().st_mtime_ns == before[path][0] for path in kept)
    new = {one.name: one for one in read(out) if one.name not in first}
    assert [one.attributes["published"] for one in new.values()] == ["20260302"]
    assert not (out / ".partial").exists()

    # A third, of the same site, changes no byte.
    before = {path: path.read_bytes() for path in out.iterdir()}
    run(site, out, "talk.html", "feed.xml")
    assert {path: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.integration
def test_what_was_lost_is_fetched_again(site, out):
    run(site, out, "talk.html")
    (audio,) = out.glob("*.ogg")
    audio.unlink()
    run(site, out, "talk.html")
    assert audio.read_bytes() == (site.root / "talk.ogg").read_bytes()


@pytest.mark.integration
def test_a_second_harvest_into_a_folder_waits_for_the_end_of_the_first(site, out):
    with (
        lock_folder(out / ".partial"),
        pytest.raises(InputError, match=r"harvested: expected a folder that no other harvest"),
    ):
        run(site, out, "talk.html")
    run(site, out, "talk.html")
    assert results(out, site) == {"talk.html": "new"}
    assert not (out / ".partial").exists()


def test_a_site_that_is_not_there_is_said(site, out):
    with pytest.raises(InputError, match="expected recordings, got none"):
        run(site, out, "none.html")
    assert "404" in why(out, "none.html")


def test_the_example_is_a_block():
    assert load_block(ROOT / CONF, ("talks",), Harvest).subtitles == ["be"]


@pytest.mark.integration
def test_a_misspelt_key_is_named(site, out):
    with pytest.raises(InputError, match=r"harvests.yaml: talks.alow: Extra inputs"):
        run(site, out, "talk.html", alow=[])


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("http://creativecommons.org/licenses/by-sa/4.0/deed.be", "CC-BY-SA-4.0"),
        ("//creativecommons.org/licenses/by/3.0", "CC-BY-3.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("Creative Commons Attribution license (reuse allowed)", "CC-BY-3.0"),
        ("CC-BY-4.0", "CC-BY-4.0"),
        ("GPL-2.0-only", "GPL-2.0-only"),
        ("Attribution", "CC-BY-4.0"),
        ("Creative Commons Attribution", None),
        ("https://evil.org/creativecommons.org/licenses/by/4.0/", None),
        ("All rights reserved", None),
    ],
)
def test_licenses_as_sites_word_them(stated, expected):
    assert spdx_of(stated, {"Attribution": "CC-BY-4.0"}) == expected


def test_licenses_that_a_page_states():
    page = (
        '<a href="/x" rel="nofollow license">x</a><link rel=license href=/y>'
        '<a rel="licensed" href="/no"><podcast:license url="/z">cc</podcast:license>'
        "<license> w </license>"
    )
    assert stated_licenses(page) == ["/x", "/y", "/z", "w"]
