# python -m pytest tests/test_disk_room.py
"""A disk that is too small is known before the first download and the first hour of decoding."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from asr.core.errors import InputError
from asr.corpora.free_space import VARIABLE, check_free
from asr.corpora.raw_folder import audio_bytes
from asr.corpora.withdrawn import read_recordings
from asr.preparation.disk import SHARD_BYTES_PER_S, Room
from asr.preparation.rejects import Reason
from asr.preparation.reuse import default_folder, preparation_cache
from asr.preparation.screening import Failed
from stages.prepare import prepare
from tests.corpus_examples import ONE, jsonl
from tests.examples import wav
from tests.keep_raw_repo import BESIDE, RAW, Lab, put, sounds, write_repo
from tests.test_keep_raw import FOLDER, tables
from tests.test_preparation import PARAMS, recording
from tests.test_sources import tar
from tests.web_server import serving

NUM = 20  # clips of 0.8 s


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def corpus(here):
    names = [f"{n}.wav" for n in range(NUM)]
    rows = jsonl(*({"audio": name, "text": ONE} for name in names))
    put(here / "home", dict(zip(names, sounds(NUM), strict=True)) | {"rows.jsonl": rows})
    return Lab(FOLDER, "jsonl")


def free(monkeypatch, num_bytes):
    usage = shutil.disk_usage("/")._replace(free=num_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)


def test_a_disk_as_large_as_needed_is_enough(here, monkeypatch):
    free(monkeypatch, 4_500_000_000)
    check_free([(here / "data" / "xx", 4.5e9)])
    with pytest.raises(InputError, match=r"^needs about 12\.3 GB in data/xx, 4\.5 GB are free"):
        check_free([(Path("data/xx"), 12e9), (here, 0.3e9)])  # one disk
    monkeypatch.setenv(VARIABLE, "off")
    check_free([(here, 12e9)])


def test_fetch_knows_it_before_it_reads_a_file(corpus, monkeypatch):
    free(monkeypatch, 300_000)
    message = r"^needs about 0\.5 MB in data/raw/xx, 0\.3 MB are free"
    with pytest.raises(InputError, match=message):
        corpus.fetch()
    assert not RAW.exists()


@pytest.mark.integration
def test_fetch_asks_a_server_for_the_size(here, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    free(monkeypatch, 700)
    downloads = here / "cache/mothertongue/downloads"
    with serving(lambda path: bytes(500)) as url:
        block = {"kind": "https", "url": f"{url}/a.zip", "sha256": "0" * 64, "license": "MIT"}
        message = r"^needs about 0\.0 MB in data/raw/xx"  # in the download cache too: 1 000
        with pytest.raises(InputError, match=message):
            Lab(block, "jsonl").fetch()
        put(downloads, {"partial/1-1/files/a.zip": bytes(400)})  # of a download that was killed
        (downloads / ("0" * 64)).mkdir()
        with pytest.raises(InputError, match=message):
            Lab(block, "jsonl").fetch()
        assert not (downloads / "partial/1-1").exists()
        put(downloads, {f"{'0' * 64}/a.zip": bytes(500)})
        with pytest.raises(InputError, match="expected SHA-256 0000"):  # of what is downloaded
            Lab(block, "jsonl").fetch()


def test_fetch_counts_the_tar_that_is_written_again_without_what_is_withdrawn(corpus, monkeypatch):
    free(monkeypatch, 600_000)  # the tar has 514 000 bytes
    corpus.fetch()
    with pytest.raises(InputError, match=r"^needs about 1\.0 MB in data/raw/xx, 0\.6 MB are free"):
        Lab(FOLDER, "jsonl", withdrawn={"speakers": ["s1"]}).fetch()


def test_fetch_counts_the_disk_on_which_the_folder_is_written_first(corpus, here, small_disk):
    (here / ".dvc").mkdir()
    (here / ".dvc/tmp").symlink_to(small_disk)
    with pytest.raises(InputError, match=r"^needs about 0\.5 MB in \.dvc/tmp, 0\.3 MB are free"):
        corpus.fetch()


def test_what_a_killed_fetch_left_is_removed_before_the_room_is_measured(corpus, here, monkeypatch):
    left = here / ".dvc/tmp/partial/1-xx/xx/files.tar"
    put(left.parent, {left.name: b"half of it"})
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: usage._replace(free=0 if left.exists() else 600_000)
    )
    corpus.fetch()
    assert (RAW / "files.tar").is_file()


def checked(num_bytes, recordings):
    room = Room(Path("data/prepared/xx"), 900.0, is_streamed=False)
    with preparation_cache(default_folder("xx"), PARAMS) as cache:
        found = list(room.check(iter(recordings), num_bytes, cache))
    return room.seconds, found


def test_seconds_are_estimated_by_the_first_recordings():
    contents = sounds(100)
    some = [recording(f"r{n}", content) for n, content in enumerate(contents)]
    seconds, found = checked(sum(map(len, contents)), some)
    assert seconds == pytest.approx(80.0)
    assert found == some
    seconds, _ = checked(1000, [recording("x", b"RIFF and no sound")])
    assert seconds == 0
    assert checked(1000, [])[0] is None


def test_what_the_cache_has_needs_no_room(corpus):
    corpus.fetch()
    corpus.prepare()
    found = list(read_recordings(RAW, corpus.line))
    assert checked(1e12, found)[0] is None
    more = [*found, recording("new", sounds(1, first=900)[0])]
    assert checked(audio_bytes(RAW), more)[0] == pytest.approx(0.8, rel=0.1)


def test_recordings_that_are_known_say_nothing_of_those_after_them():
    known = [recording(f"k{n}", b"RIFF") for n in range(1104)]  # a multiple of 16
    with preparation_cache(default_folder("xx"), PARAMS) as cache:
        for one in known:
            assert cache.outcomes(one) is None
            cache.put(one, [Failed(one.name, Reason.UNDECODABLE, "", None, None)])
    new = [recording(f"n{n}", content) for n, content in enumerate(sounds(50))]
    found = [*known, *new]
    seconds, same = checked(sum(len(one.audio) for one in found), found)
    assert seconds == pytest.approx(50 * 0.8)
    assert same == found


def test_recordings_that_are_known_pass_one_by_one(corpus):
    corpus.fetch()
    corpus.prepare()
    rest = read_recordings(RAW, corpus.line)
    room = Room(Path("data/prepared/xx"), 900.0, is_streamed=False)
    with preparation_cache(default_folder("xx"), PARAMS) as cache:
        assert next(room.check(rest, 1e12, cache)).name == "0"
        assert next(rest).name == "1"


@pytest.mark.parametrize("is_packed", [True, False])
def test_what_the_cache_has_of_archives_needs_no_room(is_packed, here, monkeypatch):
    first, second = ({f"{first}-{n}.wav": one for n, one in enumerate(sounds(20, first))}
                     for first in (0, 100))  # fmt: skip
    rows = [jsonl(*({"audio": name, "text": ONE} for name in names)) for names in (first, second)]
    put(here / "home", {"1.tar": tar(first), "rows.jsonl": rows[0]})
    lab = Lab(FOLDER | {"unpack": True}, "jsonl", keep_raw=False)
    lab.fetch()
    lab.prepare()
    more = {"2.tar": tar(second)} if is_packed else second
    put(here / "home", more | {"rows.jsonl": b"".join(rows)})
    lab.fetch()
    needed = 2 * 20 * 0.8 * SHARD_BYTES_PER_S  # of what is new, in shards and in the cache
    free(monkeypatch, needed * 0.9)
    with pytest.raises(InputError, match=r"^needs about 0\.7 MB in .*0\.6 MB are free"):
        lab.prepare()
    free(monkeypatch, needed * 1.1)
    assert "prepared/xx/00000.parquet" in lab.prepare()
    shutil.rmtree(".dvc")
    with pytest.raises(InputError, match=r"^needs about 1\.3 MB in .*0\.7 MB are free"):
        lab.prepare()


def test_what_lies_here_of_a_download_needs_no_room_again(here, monkeypatch):
    spool = here / "spool"
    put(spool, {"sha256-0/all.tar": bytes(600), "list-sha256-0/members.csv": bytes(300)})

    def largest_fits(num_bytes):
        free(monkeypatch, num_bytes)
        Room(RAW, 900.0, is_streamed=True, brought_bytes=1000, spool=spool)

    largest_fits(400)
    with pytest.raises(InputError, match=r"0\.0 MB are free"):
        largest_fits(399)


def test_prepare_knows_it_before_it_decodes(here, monkeypatch):
    put(here / "home", tables(1, 2))
    lab = Lab(FOLDER, "parquet", keep_raw=False)
    lab.fetch()
    seconds = 2 * 40 * 0.8
    needed = 2 * seconds * SHARD_BYTES_PER_S
    free(monkeypatch, needed * 0.5)
    with pytest.raises(InputError, match=r"^needs about 2\.1 MB in .*1\.3 MB are free"):
        lab.prepare()
    free(monkeypatch, needed * 1.1)
    assert "prepared/xx/00000.parquet" in lab.prepare()


@pytest.mark.parametrize(("keep_raw", "place"), [(True, "data/prepared"), (False, ".dvc/tmp")])
def test_a_disk_that_fills_up_all_the_same_says_both_numbers_and_loses_nothing(
    keep_raw, place, small_disk, here, monkeypatch
):
    (here / place).parent.mkdir()
    (here / place).symlink_to(small_disk)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (NUM, 16_000)).astype(np.float32)
    files = {f"{n}.wav": wav(one, subtype="PCM_16") for n, one in enumerate(noise)}
    rows = jsonl(*({"audio": name, "text": ONE} for name in files))
    put(here / "home", files | {"rows.jsonl": rows})
    write_repo(here, FOLDER, "jsonl", keep_raw=keep_raw)
    Lab(FOLDER, "jsonl", keep_raw=keep_raw).fetch()
    put(here / "data/prepared/xx", {"00000.parquet": b"from before"})
    monkeypatch.setenv(VARIABLE, "off")
    monkeypatch.setenv("MOTHERTONGUE_WORKERS", "serial")
    beside = (Path("data", f"{folder}/xx.{end}") for folder, end in BESIDE)
    out = Path("data/prepared/xx")
    message = (
        r"No space left on device: 0\.\d MB of about \d\.\d MB that were estimated are free in "
    )
    with pytest.raises(InputError, match=message + place):
        prepare("xx", RAW, Path("data/segments"), out, *beside)
    assert [path.read_bytes() for path in out.iterdir()] == [b"from before"]
