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
from asr.preparation.reuse import default_folder, preparation_cache
from stages.prepare import prepare
from tests.corpus_examples import ONE, jsonl
from tests.examples import wav
from tests.keep_raw_repo import BESIDE, RAW, Lab, put, sounds, write_repo
from tests.test_keep_raw import FOLDER, tables
from tests.test_preparation import PARAMS, recording
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
    with serving(lambda path: bytes(500)) as url:
        block = {"kind": "https", "url": f"{url}/a.zip", "sha256": "0" * 64, "license": "MIT"}
        message = r"^needs about 0\.0 MB in data/raw/xx"  # in the download cache too: 1 000
        with pytest.raises(InputError, match=message):
            Lab(block, "jsonl").fetch()


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
