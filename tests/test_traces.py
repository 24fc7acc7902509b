# python -m pytest tests/test_traces.py
"""Which files hold something of a withdrawn speaker, by what they contain."""

import hashlib

import pytest

from asr.corpora.params import Withdrawn
from asr.corpora.raw_folder import write_files
from asr.corpora.recording import Recording
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.withdrawal.traces import Traces
from tests.corpus_examples import parquet
from tests.examples import utterance

SAMPLES = {"anna": b"\1\0" * 100, "boris": b"\2\0" * 100}
CLIPS = [
    utterance(f"{name},1#{n}", speaker_id=name, sha256=hashlib.sha256(SAMPLES[name]).hexdigest())
    for n, name in enumerate(SAMPLES)
]


@pytest.fixture
def traces(tmp_path):
    """All that is known of anna, by a manifest and a recording."""
    traces = Traces("xx", Withdrawn(speakers=["anna"]))
    write_manifest(tmp_path / "learned", CLIPS)
    traces.learn(tmp_path / "learned")
    traces.learn_recordings([Recording("r<1>", "Da.", b"encoded", "r.wav")])
    return traces


def written(path, content):
    path.write_bytes(content)
    return path


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
    ],
)
def test_texts_and_single_files(traces, content, expected, tmp_path):
    assert traces.in_file(written(tmp_path / "object", content)) == expected


@pytest.mark.parametrize("content", [b"encoded", b"other"])
def test_audio_inside_archives_and_tables(traces, content, tmp_path):
    table = parquet([{"audio": {"bytes": content, "path": "x.wav"}}])
    for files in ({"a.wav": content}, {"a.parquet": table}):
        write_files(tmp_path / "files.tar", files.items())
        assert traces.in_file(tmp_path / "files.tar") == (content == b"encoded")
    assert traces.in_file(written(tmp_path / "table", table)) == (content == b"encoded")
