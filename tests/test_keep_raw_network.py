# python -m pytest tests/test_keep_raw_network.py
"""``keep_raw: false`` with the hub and with an https server whose answers break, and kills."""

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.sources import brought
from tests.broken_server import Broken, broken_server
from tests.corpus_examples import ONE, TWO, jsonl
from tests.hub_server import COMMIT, hub_server
from tests.keep_raw_repo import ROOT, SPOOLED, Lab, sounds, write_repo, written
from tests.pipeline_repo import wait_for
from tests.test_keep_raw import tables
from tests.test_sources import sha256, tar

FIRST, SECOND = sounds(2)
ROWS = jsonl({"audio": "a/1.wav", "text": ONE}, {"audio": "b/2.wav", "text": TWO})
PACKED = gzip.compress(tar({"a/1.wav": FIRST, "b/2.wav": SECOND, "rows.jsonl": ROWS}))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(brought, "RETRY_WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setenv("MOTHERTONGUE_WORKERS", "serial")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


# An https server


@pytest.fixture
def trusted(here, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(here / "certificate.pem"))


@pytest.fixture
def server(here, trusted):
    with broken_server(Broken(PACKED), here) as broken:
        yield broken


def lab_at(server, keep_raw=False):
    block = {"kind": "https", "url": server.url, "sha256": sha256(PACKED), "license": "MIT"}
    return Lab(block, "jsonl", keep_raw=keep_raw)


def test_a_download_that_breaks_goes_on_where_it_broke(server):
    stored = lab_at(server, keep_raw=True)
    stored.fetch()
    made = stored.prepare()
    shutil.rmtree("data")
    shutil.rmtree(".dvc")
    lab = lab_at(server)
    lab.fetch()
    assert f"all.tar.gz,{len(PACKED)},sha256:" in Path("data/raw/xx/pins.csv").read_text()
    server.asked.clear()
    server.plan = [503, 1000, 2000]
    assert lab.prepare() == made
    assert server.asked == [0, 0, 1000, 3000]
    assert not SPOOLED.exists()
    assert lab.prepare() == made


def test_a_download_goes_on_where_there_is_room_for_the_rest_alone(server, monkeypatch):
    clips = {f"{n}.wav": content for n, content in enumerate(sounds(40))}
    rows = jsonl(*({"audio": name, "text": ONE} for name in clips))
    server.content = tar({"rows.jsonl": rows, **clips, "x.txt": bytes(3_000_000)})
    block = {"kind": "https", "url": server.url, "sha256": sha256(server.content), "license": "MIT"}
    lab = Lab(block, "jsonl", keep_raw=False)
    lab.fetch()
    server.plan = [2_500_000, 503, 503, 503]
    with pytest.raises(InputError, match="could not be downloaded"):
        lab.prepare()
    missing = len(server.content) - 2_500_000  # 1.6 MB, and 1.3 MB of shards once it is here
    usage = shutil.disk_usage("/")._replace(free=missing)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert "prepared/xx/00000.parquet" in lab.prepare()


def test_a_server_that_sends_no_parts_sends_all_again(server):
    server.has_ranges = False
    lab = lab_at(server)
    lab.fetch()
    server.plan = [1000]
    assert len(lab.prepare()) == 4


@pytest.mark.parametrize(
    ("status", "message"), [(503, r"status 503 \(4 tries in 0 s\)"), (404, "status 404$")]
)
def test_a_server_that_stays_broken_is_one_message(server, status, message):
    lab = lab_at(server)
    lab.fetch()
    server.plan = [status] * 9
    with pytest.raises(InputError, match=rf"all\.tar\.gz: could not be downloaded: {message}"):
        lab.prepare()


def test_another_file_at_the_address_is_named_with_both_hashes(server):
    lab = lab_at(server)
    lab.fetch()
    server.content = other = PACKED[:-1] + b"?"
    server.plan = [1000]
    message = f"expected sha256:{sha256(PACKED)}, which fetch pinned, got sha256:{sha256(other)}"
    with pytest.raises(InputError, match=message):
        lab.prepare()
    assert not [path for path in SPOOLED.rglob("*") if path.is_file()]


# The hub

HUB = {"kind": "hub", "repo": "me/clips", "revision": COMMIT, "license": "CC0-1.0"}
FILES = tables(1, 2, 3) | {
    "audio/a.tar": tar({"1.wav": FIRST}, "a/"),
    "audio/b.tar": tar({"2.wav": SECOND}, "b/"),
    "audio/rows.jsonl": ROWS,
    "README.md": b"no",
}
RUN = """
import json, shutil, sys
from asr.core.errors import InputError
from tests.keep_raw_repo import Lab
for block, form, keep_raw in json.loads(sys.argv[1]):
    shutil.rmtree("data", ignore_errors=True)
    shutil.rmtree(".dvc", ignore_errors=True)
    lab = Lab(block, form, keep_raw=keep_raw)
    try:
        lab.fetch()
        said = {name: content.decode("latin1") for name, content in lab.prepare().items()}
    except InputError as error:
        said = str(error)
    print(json.dumps(said))
"""


@pytest.mark.integration
def test_files_of_the_hub_lie_here_one_at_a_time(here):
    """In one process of its own, as in test_hub_source.py: the client takes four seconds to load.

    No honest hub changes a file under a commit; a damaged mirror does.
    """
    good, bad = (next(iter(tables(4).values())) + end for end in (b"", b"?"))
    files = FILES | {"bad/a.parquet": good}
    lie_here = []

    def watch(path):
        if "/resolve/" in path:
            endings = (".parquet", ".tar", ".jsonl")
            found = [one for one in SPOOLED.rglob("*") if one.name.endswith(endings)]
            lie_here.append([*found, *(here / "hf").rglob("blobs/*")])
        if path.endswith("bad/a.parquet"):
            files["bad/a.parquet"] = bad

    rows = HUB | {"allow": ["data/*.parquet"]}, "parquet"
    packed = HUB | {"allow": ["audio/*"], "unpack": True}, "jsonl"
    damaged = HUB | {"allow": ["bad/*"]}, "parquet"
    labs = [(*rows, False), (*packed, False), (*rows, True), (*packed, True), (*damaged, False)]
    with hub_server(files, watch) as (address, asked):
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(labs)], capture_output=True, text=True,
            env=os.environ | {"HF_ENDPOINT": address, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines() if line[:1] in '{"']
    assert said[:2] == said[2:4]
    assert "train-1.parquet: row 2" in said[0]["rejects/xx.csv"]
    assert said[1].keys() >= {"prepared/xx/00000.parquet"}
    assert f"bad/a.parquet: expected sha256:{sha256(good)}, which fetch pinned" in said[4]
    assert f"got sha256:{sha256(bad)}: the source changed" in said[4]
    # A HEAD and a GET each: Parquet and tables once, archives for names and for recordings.
    first = [path for path in asked if "/resolve/" in path][:16]
    assert [sum(name in path for path in first) for name in FILES] == [2, 2, 2, 4, 4, 2, 0]
    # At a request, what was brought before is gone, but for the table.
    assert {path.name for paths in lie_here[:16] for path in paths} == {"rows.jsonl"}


# Kills


def stage(name, *options, **variables):
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{name}", "--corpus", "xx", *options],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


PREPARE = ("prepare", "--raw", "data/raw/xx", "--segments", "data/segments", "--out",
           "data/prepared/xx", "--rejects", "data/rejects/xx.csv", "--inventory",
           "data/inventory/xx.csv", "--validation", "data/validation/xx.json")  # fmt: skip


def ended(process):
    said, _ = process.communicate()
    assert process.returncode == 0, said


@pytest.mark.slow
def test_a_killed_run_downloads_nothing_twice_but_what_it_was_reading(here):
    files = tables(*range(1, 13))
    moments = random.Random(1)
    with hub_server(files) as (address, asked):
        at = {"HF_ENDPOINT": address}
        block = HUB | {"allow": ["data/*.parquet"]}
        write_repo(here, block, "parquet", keep_raw=True)
        ended(stage("fetch", "--out", "data/raw/xx", **at))
        ended(stage(*PREPARE, **at))
        made = written()
        shutil.rmtree("data")
        shutil.rmtree(".dvc")
        shutil.rmtree("hf")
        write_repo(here, block, "parquet", keep_raw=False)
        ended(stage("fetch", "--out", "data/raw/xx", **at))
        asked.clear()

        def downloads():
            return sum("/resolve/" in path for path in asked)

        num_kills = 0
        for goal in range(4, 24, 4):  # a HEAD and a GET for each file
            process = stage(*PREPARE, **at)
            wait_for(lambda goal=goal, one=process: downloads() >= goal or one.poll() is not None)
            time.sleep(moments.uniform(0, 0.2))
            os.killpg(process.pid, signal.SIGKILL)
            num_kills += process.wait() == -signal.SIGKILL
        assert num_kills >= 3
        ended(stage(*PREPARE, **at))
        assert written() == made
        again = downloads() - 2 * len(files)
        # A kill costs the file that is being read, and the one before if its shard is not full.
        assert again <= 2 * 2 * num_kills
        assert not SPOOLED.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("trusted")
def test_a_kill_in_the_middle_of_a_download_costs_what_was_on_its_way(here):
    noise = random.Random(1).randbytes(30_000_000)
    packed = tar({"a/1.wav": FIRST, "b/2.wav": SECOND, "rows.jsonl": ROWS, "noise.txt": noise})
    with broken_server(Broken(packed), here) as server:
        block = {"kind": "https", "url": server.url, "sha256": sha256(packed), "license": "MIT"}
        write_repo(here, block, "jsonl", keep_raw=False)
        ended(stage("fetch", "--out", "data/raw/xx"))
        server.asked.clear()
        server.plan = [12_000_000, 503, 503, 503, 503]  # then it waits for the next try
        process = stage(*PREPARE)
        wait_for(lambda: len(server.asked) >= 2)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        server.plan = []
        ended(stage(*PREPARE))
        assert set(server.asked) == {0, 12_000_000}
        assert server.asked.count(0) == 1
        pinned = written()
        shutil.rmtree("data")
        write_repo(here, block, "jsonl", keep_raw=True)
        ended(stage("fetch", "--out", "data/raw/xx"))
        ended(stage(*PREPARE))
        assert written() == pinned
