# python -m pytest tests/test_keep_raw.py
"""``corpora.<name>.keep_raw: false``: the same outs, without a copy of the source's files.

The hub, an https server with faults, and kills: tests/test_keep_raw_network.py.
"""

import gzip
import shutil
import sqlite3
import tarfile
from pathlib import Path
from types import MappingProxyType

import pytest

from asr.core.errors import InputError
from asr.core.locks import lock_folder
from asr.core.result_cache import FILE as FILE_OF_RESULTS
from asr.corpora.formats import read_corpus
from asr.corpora.params import Withdrawn
from asr.corpora.withdrawn import hash_of_id
from asr.preparation import streaming
from asr.preparation.reuse import default_folder
from asr.sources.pinned_files import PinnedFiles
from asr.withdrawal.removal import add_pinned
from asr.withdrawal.traces import Traces
from asr.workers.workers import Workers
from stages.segment import segment
from tests.corpus_examples import ONE, TWO, corpora, jsonl, parquet, table
from tests.keep_raw_repo import RAW, SPOOLED, Lab, put, sounds, write_repo
from tests.test_sources import sha256, tar, zipped

FOLDER = {"kind": "folder", "path": "home", "license": "CC0-1.0"}
FIRST, SECOND, THIRD, FOURTH = sounds(4)
CORPORA = corpora(FIRST, SECOND)
CACHE = default_folder("xx")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check_same(block, form, params=MappingProxyType({}), **line):
    """Compare what prepare makes of stored files and of pinned ones; the lab has the latter."""
    found = []
    for keep_raw in (True, False):
        shutil.rmtree("data", ignore_errors=True)
        shutil.rmtree(".dvc", ignore_errors=True)
        lab = Lab(block, form, keep_raw=keep_raw, **line)
        lab.fetch()
        found.append(lab.prepare(**params))
        assert (RAW / "files.tar").exists() == keep_raw
    assert found[0] == found[1]
    assert not SPOOLED.exists()
    return found[1], lab


@pytest.mark.parametrize("form", CORPORA)
def test_every_format_gives_the_same_bytes(form, here):
    others = {} if form == "parquet" else {"unlisted.wav": THIRD, "unknown": FOURTH, "no.png": b"x"}
    put(here / "home", CORPORA[form] | others)
    made, _ = check_same(FOLDER, form)
    assert made["prepared/xx/00000.parquet"]


ARCHIVED = {
    "two.tar.gz": gzip.compress(tar({"clips/2.wav": SECOND, "clips/0.wav": FIRST})),
    "one.zip": zipped({"clips/1.wav": THIRD, "clips/more": FOURTH, "clips/a.txt": b"?"}),
}
LISTED = jsonl(
    *({"audio": f"clips/{name}", "text": text, "speaker": "s1"}
      for name, text in (("1.wav", ONE), ("2.wav", TWO), ("0.wav", ONE), ("7.wav", TWO)))
)  # fmt: skip


@pytest.mark.parametrize("inside", [True, False])
def test_tables_inside_and_outside_of_archives_give_the_same_bytes(inside, here):
    files = dict(ARCHIVED)
    if inside:
        files["a.tar"] = tar({"rows.jsonl": LISTED})
    else:
        files["rows.jsonl"] = LISTED
    put(here / "home", files)
    made, _ = check_same(FOLDER | {"unpack": True}, "jsonl")
    assert made["inventory/xx.csv"].count(b"\n") == 6  # four rows, one file without, the header


def test_an_archive_with_links_gives_the_same_rejects(here):
    put(here / "home", {"a.txt": b"da", "a.wav": FIRST})
    put(here / "away", {"b.wav": FIRST})
    (here / "home" / "b.wav").symlink_to(here / "away" / "b.wav")
    made, _ = check_same(FOLDER, "paired")
    assert b"got a link out of its folder" in made["rejects/xx.csv"]
    put(here / "packed", {"one.tar": tar({"a.txt": b"da", "a.wav": FIRST})})
    with tarfile.open(here / "packed" / "two.tar", "w") as archive:
        link = tarfile.TarInfo("b.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "a.wav"
        archive.addfile(link)
    made, _ = check_same(FOLDER | {"path": "packed", "unpack": True}, "paired")
    assert b"got a link or a device in the archive" in made["rejects/xx.csv"]


def tables(*numbers):
    """Parquet files of 40 rows of half a second; in each, an id of the file before comes again."""
    files = {}
    for number in numbers:
        clips = sounds(40, first=100 * number)
        rows = [
            {"id": f"r{number}-{row}" if row else f"r{number - 1}-1", "sentence": ONE,
             "audio": {"bytes": content, "path": None}, "speaker": f"s{row % 3}"}
            for row, content in enumerate(clips)
        ]  # fmt: skip
        rows[3]["audio"]["bytes"] = b"RIFF but no sound"
        files[f"data/train-{number}.parquet"] = parquet(rows)
    return files


@pytest.mark.parametrize(("max_collected", "passes"), [(100_000, 4), (6, 5), (1, 8)])
def test_tables_are_read_once_for_many_archives(max_collected, passes, here, monkeypatch):
    """Once more each to estimate the room, for files outside of archives, and for the outs."""
    clips = {f"{number}/{n}.wav": content for number in range(5)
             for n, content in enumerate(sounds(2, first=2 * number))}  # fmt: skip
    for number in range(5):
        own = {name: one for name, one in clips.items() if name.startswith(f"{number}/")}
        put(here / "home", {f"{number}.tar": tar(own)})
    rows = [{"audio": name, "text": ONE} for name in clips]
    put(here / "home", {"rows.jsonl": jsonl(*reversed(rows))})
    read, opened = [], []
    monkeypatch.setattr(streaming, "MAX_COLLECTED", max_collected)
    monkeypatch.setattr(
        streaming, "read_corpus", lambda *given: read.append(given) or read_corpus(*given)
    )
    members = PinnedFiles.read_members
    monkeypatch.setattr(
        PinnedFiles, "read_members", lambda *given: opened.append(given[1]) or members(*given)
    )
    check_same(FOLDER | {"unpack": True}, "jsonl")
    assert len(read) == passes
    assert opened == [f"{number}.tar" for number in range(5)]


def test_what_is_done_is_not_read_again(here):
    put(here / "home", tables(1, 2, 3))
    made, lab = check_same(FOLDER, "parquet")
    assert b"appears twice, first at data/train-1.parquet: row 2" in made["rejects/xx.csv"]
    shutil.rmtree(".dvc")
    (here / "home/data/train-3.parquet").rename(here / "later")
    with pytest.raises(InputError, match=r"train-3\.parquet: expected sha256:.*got no such file"):
        lab.prepare()
    (here / "later").rename(here / "home/data/train-3.parquet")
    (here / "home/data/train-1.parquet").unlink()
    assert lab.prepare() == made
    (here / "home/data/train-2.parquet").unlink()
    assert lab.prepare() == made  # all is in the cache


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_processes_that_read_ahead_give_the_same_bytes(form, here):
    names = [f"{n}.wav" for n in range(120)]
    rows = jsonl(*({"audio": name, "text": ONE} for name in names))
    plain = dict(zip(names, sounds(120), strict=True)) | {"rows.jsonl": rows}
    put(here / "home", tables(1, 2, 3) if form == "parquet" else plain)
    made, lab = check_same(FOLDER, form)
    shutil.rmtree(".dvc")
    assert lab.prepare(Workers("processes", 2)) == made
    assert lab.prepare(Workers("processes", 2)) == made
    shutil.rmtree(".dvc")
    (here / "home" / ("data/train-2.parquet" if form == "parquet" else "77.wav")).write_bytes(b"")
    with pytest.raises(InputError, match="which fetch pinned, got sha256:"):
        lab.prepare(Workers("processes", 2))


def test_a_part_of_the_cache_that_is_lost_is_made_again(here):
    put(here / "home", tables(1, 2))
    made, lab = check_same(FOLDER, "parquet")
    for path in CACHE.glob("*.parquet"):
        path.unlink()
    assert lab.prepare() == made


def test_a_quick_look_makes_what_is_lost_again(here):
    put(here / "home", tables(1, 2))
    few = {"max_utterances": 2}
    made, lab = check_same(FOLDER, "parquet", few)
    lab.prepare()
    for path in CACHE.glob("*.parquet"):
        path.unlink()
    assert lab.prepare(**few) == made


def test_the_cache_has_no_samples_twice(here):
    put(here / "home", tables(1, 2))
    check_same(FOLDER, "parquet")
    cached = {path.stat().st_ino for path in CACHE.glob("*.parquet")}
    assert cached == {path.stat().st_ino for path in Path("data/prepared/xx").iterdir()}


def row(name, text, sound, speaker="s1"):
    return {"id": name, "sentence": text, "audio": {"bytes": sound}, "speaker": speaker}


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_contradicted_recording_is_read_once(form, here):
    said = [("a", ONE, FIRST), ("b", TWO, FIRST), ("c", ONE, SECOND)]
    rows = [{"audio": f"{name}.wav", "text": text} for name, text, _ in said]
    plain = {f"{name}.wav": sound for name, _, sound in said} | {"rows.jsonl": jsonl(*rows)}
    put(here / "home", {"a.parquet": parquet([row(*one) for one in said])} | plain)
    made, lab = check_same(FOLDER, form)
    assert made["rejects/xx.csv"].count(b"contradictory_transcript") == 2
    for path in [*(here / "home").glob("*.parquet"), *(here / "home").glob("*.wav")]:
        path.unlink()
    for _ in range(3):
        assert lab.prepare() == made


def test_a_quick_look_is_the_same(here):
    put(here / "home", tables(1, 2))
    put(here / "packed", ARCHIVED | {"rows.jsonl": LISTED})
    few = {"max_utterances": 2}
    check_same(FOLDER, "parquet", few)
    check_same(FOLDER | {"path": "packed", "unpack": True}, "jsonl", few)


def test_while_another_process_has_the_cache_it_is_the_same(here):
    put(here / "home", tables(1))
    made, lab = check_same(FOLDER, "parquet")
    with lock_folder(CACHE):
        assert lab.prepare() == made
    assert list(Path(".dvc/tmp/partial").iterdir()) == []


@pytest.mark.parametrize("form", ["parquet", "audiofolder"])
def test_withdrawn_recordings_are_the_same_rejects(form, here):
    rows = [f"{n}.wav,{ONE},s{n % 2}" for n in range(4)]
    clips = {f"{n}.wav": content for n, content in enumerate(sounds(4))}
    audiofolder = {"metadata.csv": table("file_name,transcription,speaker_id", *rows)} | clips
    put(here / "home", tables(1) if form == "parquet" else audiofolder)
    made, _ = check_same(FOLDER, form, withdrawn={"speakers": ["s1"]})
    assert b"withdrawn" in made["rejects/xx.csv"]


ANNA = {"withdrawn": {"speakers": ["anna"]}}


def test_nothing_is_stored_of_the_withdrawn_but_hashes(here):
    rows = [row("a", ONE, FIRST, "anna"), row("b", TWO, SECOND, "boris")]
    put(here / "home", {"a.parquet": parquet(rows)})
    made, lab = check_same(FOLDER, "parquet", **ANNA)
    assert hash_of_id("xx/a").encode() in made["rejects/xx.csv"]
    for _ in range(2):
        stored = b"".join(path.read_bytes() for path in CACHE.iterdir())
        assert b"boris" in stored and TWO.encode() in stored
        assert b"anna" not in stored and ONE.encode() not in stored
        (here / "home/a.parquet").unlink(missing_ok=True)
        assert lab.prepare() == made


def test_a_rule_that_comes_later_is_for_what_is_stored_too(here):
    rows = [row("a", ONE, FIRST, "anna"), row("b", TWO, SECOND, "boris")]
    put(here / "home", {"a.parquet": parquet(rows)})
    for rule, has_anna in (({}, True), (ANNA, False)):
        lab = Lab(FOLDER, "parquet", keep_raw=False, **rule)
        lab.fetch()
        lab.prepare()
        with sqlite3.connect(CACHE / FILE_OF_RESULTS) as results:
            stored = [result for (result,) in results.execute("SELECT result FROM results")]
        assert any("anna" in result or ONE in result for result in stored) == has_anna


def test_the_name_of_a_withdrawn_recording_stays_taken(here):
    first = {"1.parquet": parquet([row("a", ONE, FIRST, "anna"), row("b", TWO, SECOND)])}
    second = {"2.parquet": parquet([row("a", TWO, THIRD), row("c", TWO, FOURTH)])}
    put(here / "home", first | second)
    made, lab = check_same(FOLDER, "parquet", **ANNA)
    assert b"id 'a' appears twice, first at 1.parquet: row 1" in made["rejects/xx.csv"]
    shutil.rmtree(".dvc")
    (here / "home/2.parquet").unlink()
    lab.fetch()
    lab.prepare()
    put(here / "home", second)
    lab.fetch()
    (here / "home/1.parquet").unlink()
    assert lab.prepare() == made


@pytest.mark.parametrize("unpack", [True, False])
def test_a_source_that_changed_names_file_and_both_hashes(unpack, here):
    put(here / "home", ARCHIVED | {"rows.jsonl": LISTED} if unpack else CORPORA["jsonl"])
    lab = Lab(FOLDER | {"unpack": unpack}, "jsonl", keep_raw=False)
    lab.fetch()
    name = "one.zip" if unpack else "part_1/audio/two.wav"
    before = sha256((here / "home" / name).read_bytes())
    (here / "home" / name).write_bytes(b"RIFF")
    message = (
        rf"home: {name}: expected sha256:{before}, which fetch pinned, got sha256:{sha256(b'RIFF')}"
    )
    with pytest.raises(InputError, match=message):
        lab.prepare()


def test_what_can_not_be_pinned_is_refused_at_once(here):
    put(here / "home", {"a.tar": tar(tables(1))})
    rows = {"kind": "datasets", "repo": "me/clips", "splits": ["train"], "revision": "0" * 40,
            "license": "MIT"}  # fmt: skip
    for block, form, message in (
        (rows, "jsonl", "keep_raw: expected true for a source of kind datasets"),
        (FOLDER | {"unpack": True}, "parquet", "keep_raw: expected true for Parquet files inside"),
    ):
        with pytest.raises(InputError, match=message):
            Lab(block, form, keep_raw=False).fetch()


def test_a_stage_that_needs_stored_files_says_so(here):
    put(here / "home", CORPORA["jsonl"])
    write_repo(here, FOLDER, "jsonl", keep_raw=False)
    text = Path("params.yaml").read_text()
    aligned = text.replace("long_recordings: reject ", "long_recordings: align ")
    Path("params.yaml").write_text(aligned)
    Lab(FOLDER, "jsonl", keep_raw=False).fetch()
    with pytest.raises(InputError, match=r"their hashes alone \(keep_raw: false\)"):
        segment("xx", Path("data/raw/xx"), Path("models/judge"), Path("data/segments/xx.jsonl"))


def test_a_withdrawal_finds_what_prepare_rejected(here, capsys):
    put(here / "home", tables(1))
    write_repo(here, FOLDER, "parquet", keep_raw=False)
    lab = Lab(FOLDER, "parquet", keep_raw=False)
    lab.fetch()
    traces = Traces(("xx",), Withdrawn(speakers=["s0"]))
    add_pinned(RAW, "xx", lab.line, traces)
    assert hash_of_id("xx/r1-3") in traces.ids  # undecodable
    assert len(traces.ids) == 14
    (here / "home/data/train-1.parquet").unlink()
    add_pinned(RAW, "xx", lab.line, traces)
    assert "corpora.xx: what prepare rejected is not searched for: home" in capsys.readouterr().out
