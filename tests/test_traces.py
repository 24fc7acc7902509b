# python -m pytest tests/test_traces.py
"""Which files hold something of a withdrawn speaker, by what they contain."""

import hashlib
import json
from pathlib import Path

import pytest
from dvc_data.hashfile.db.local import LocalHashFileDB
from dvc_objects.fs import localfs

from asr.core.errors import InputError
from asr.core.params import read_yaml
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.raw_folder import FILES, Provenance, write_files, write_provenance
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.withdrawal.removal import Line, add_raw_object, add_rule, lines_with
from asr.withdrawal.traces import Traces
from tests.corpus_examples import jsonl, parquet
from tests.examples import utterance

ROOT = Path(__file__).parents[1]
SAMPLES = {"anna": b"\1\0" * 100, "boris": b"\2\0" * 100}
CLIPS = [
    utterance(f"{name},1#{n}", speaker_id=name, sha256=hashlib.sha256(SAMPLES[name]).hexdigest())
    for n, name in enumerate(SAMPLES)
]


@pytest.fixture
def traces(tmp_path):
    """All that is known of anna, by a manifest and a raw folder."""
    traces = Traces(("xx",), Withdrawn(speakers=["anna"]))
    write_manifest(tmp_path / "learned", CLIPS)
    traces.add_utterances(tmp_path / "learned")
    rows = [{"id": "r<1>", "audio": "r.wav", "text": "Da.", "speaker_id": "anna"}]
    files = {"m.jsonl": jsonl(*rows), "r.wav": b"encoded"}
    write_files(tmp_path / FILES, files.items())
    write_provenance(
        tmp_path, Provenance(kind="folder", origin="x", sha256=None, license="CC0-1.0", num_files=2)
    )
    traces.add_raw(tmp_path, "xx", Corpus(format="jsonl", language="hr", source="home"))
    return traces


def test_a_raw_copy_that_cannot_be_read_any_more_counts_as_hers(traces, tmp_path):
    cache = LocalHashFileDB(localfs, str(tmp_path / "cache"))
    names = {FILES: "1" * 32, "source.json": "2" * 32}
    for name, oid in names.items():
        cache.add(str(tmp_path / name), localfs, oid)
    listed = [{"relpath": name, "md5": oid} for name, oid in names.items()]
    cache.add_bytes("3" * 32 + ".dir", json.dumps(listed).encode())
    line = Line("xx", False, Corpus(format="stamps", language="hr", source="home"))
    traces.audio_hashes.clear()
    add_raw_object(cache, "3" * 32 + ".dir", line, traces)
    assert traces.in_file(tmp_path / FILES)


@pytest.mark.parametrize("name", SAMPLES)
def test_shards_and_manifests(traces, name, tmp_path):
    clips = [clip for clip in CLIPS if clip.speaker_id == name]
    write_manifest(tmp_path / "manifest", clips)
    assert traces.in_file(tmp_path / "manifest") == (name == "anna")
    folder = tmp_path / "shards"
    folder.mkdir()
    # Under another name and by nobody, the sound is still hers.
    nameless = clips[0].model_copy(update={"id": "yy/z", "corpus": "yy", "speaker_id": None})
    write_shards(folder, [(nameless, SAMPLES[name])], 1000)
    assert traces.in_file(folder / "00000.parquet") == (name == "anna")


ENCODED = parquet([{"audio": {"bytes": b"encoded", "path": "x.wav"}}])


def test_a_clip_that_was_joined_of_hers_and_of_others_counts_as_hers(traces, tmp_path):
    for ids, expected in ((["boris,1#1", "anna,1#0"], True), (["boris,1#1"], False)):
        parts = "\n".join(f"xx/{name}" for name in ids)
        joined = utterance(f"joined-{expected}", corpus="joined", attributes={"clips": parts})
        write_manifest(tmp_path / "guards", [joined])
        assert traces.in_file(tmp_path / "guards") == expected
        folder = tmp_path / f"shards-{expected}"
        folder.mkdir()
        write_shards(folder, [(joined, b"\3\0" * 100)], 1 << 20)
        assert traces.in_file(folder / "00000.parquet") == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"id":"xx/anna,1#0","text":"Da."}\n', True),
        (b'id,text\n"xx/anna,1#0",Da.\n', True),
        (b"<b>xx/r&lt;1&gt;#7</b>", True),
        (b"id,text\nxx/r<1>,Da.\n", True),
        (b"xx/boris,1#0\nxx/anna\n", False),
        (b"yy/anna,1#0\n", False),
        (b"encoded", True),
        (b"encoded.", False),
        (b"\0\0", False),
        (ENCODED, True),
        (ENCODED.replace(b"encoded", b"Encoded"), False),
        (ENCODED[:-9], True),  # damaged: nobody knows
    ],
)
def test_single_files_and_files_in_a_tar(traces, content, expected, tmp_path):
    (tmp_path / "object").write_bytes(content)
    assert traces.in_file(tmp_path / "object") == expected
    # Of tables of a source there is audio in a tar, not our ids.
    write_files(tmp_path / "files", [("a", b"other"), ("b", content)])
    assert traces.in_file(tmp_path / "files") == (expected and b"xx/" not in content)


def test_a_rule_is_for_all_that_read_the_same_recordings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = {
        "be_test": {"format": "stamps", "language": "be", "source": "tuxpaint_stamps"},
        "ru_test": {"format": "stamps", "language": "ru", "source": "tuxpaint_stamps"},
        "fleurs_be": {"format": "fleurs", "language": "be", "source": "fleurs"},
    }
    params = (ROOT / "params.yaml").read_text()
    assert "\ntest_sets: {} " in params
    changed = params.replace("\ntest_sets: {} ", f"\ntest_sets: {json.dumps(lines)} ")
    (tmp_path / "params.yaml").write_text(changed)
    assert [line.key for line in lines_with("be")] == ["corpora.be", "test_sets.be_test"]
    assert [line.key for line in lines_with("be_test")] == ["test_sets.be_test", "corpora.be"]
    assert [line.key for line in lines_with("ru_test")] == ["test_sets.ru_test"]
    for _ in range(2):  # a second time adds nothing
        add_rule(lines_with("be"), Withdrawn(speakers=["anna"]))
    written = read_yaml(tmp_path / "params.yaml")
    rules = {
        name: line.get("withdrawn")
        for section in ("corpora", "test_sets")
        for name, line in written[section].items()
    }
    assert {name: rule for name, rule in rules.items() if rule} == {
        "be": {"speakers": ["anna"]}, "be_test": {"speakers": ["anna"]},
    }  # fmt: skip
    with pytest.raises(InputError, match=r"corpora\.web: no such corpus"):
        lines_with("web")
