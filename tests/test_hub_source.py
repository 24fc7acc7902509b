# python -m pytest tests/test_hub_source.py
"""The hub's own clients against a server on this machine that answers as the hub does."""

import json
import os
import subprocess
import sys
from math import nan
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from asr.core.errors import InputError
from asr.corpora.formats import corpus_format
from asr.sources.corpus_source import Source, load_source, provenance
from asr.sources.datasets import _content
from tests.corpus_examples import ONE, TWO, corpora, parquet
from tests.hub_server import COMMIT, hub_server
from tests.web_server import LIMITS

CARD = """---
configs:
- {config_name: tables, data_files: [{split: train, path: data/*.parquet}]}
- {config_name: rest, data_files: [{split: train, path: other/*.parquet}]}
dataset_info:
- config_name: tables
  features:
  - {name: audio, dtype: audio}
  - {name: sentence, dtype: string}
  - {name: age, dtype: float64}
  - {name: speaker, dtype: {class_label: {names: {"0": s1, "1": s2}}}}
---
"""
ROWS = [
    {"audio": {"bytes": b"first", "path": "x.wav"}, "sentence": ONE, "age": 5.5, "speaker": 0},
    {"audio": {"bytes": b"second", "path": "x.wav"}, "sentence": TWO, "age": nan, "speaker": -1},
]
TABLE = parquet(ROWS)
FILES = {"data/all.parquet": TABLE, "README.md": CARD.encode(), "other/a.parquet": b"no"}
HUB = {
    "kind": "hub", "repo": "me/clips", "revision": COMMIT, "allow": ["data/*.parquet"],
    "license": "CC0-1.0",
}  # fmt: skip
DATASETS = {
    "kind": "datasets", "repo": "me/clips", "config": "tables", "splits": ["train"],
    "revision": COMMIT, "license": "CC0-1.0",
}  # fmt: skip
FETCH = """
import json, sys
from pydantic import TypeAdapter
from asr.core.errors import InputError
from asr.corpora.formats import corpus_format
from asr.sources.corpus_source import Source, fetch_files
from asr.sources.params import FetchParams
limits = FetchParams(max_file_mb=1.0, max_url_s=60.0)
wants = corpus_format(sys.argv[1]).wants
for block in json.loads(sys.argv[2]):
    source = TypeAdapter(Source).validate_python(block)
    try:
        files = fetch_files(source, lambda name: wants(name, "hr"), limits)
        brought = {name: content.decode("latin1") for name, content in files}
    except InputError as error:
        brought = str(error)
    print(json.dumps(brought))
"""


@pytest.fixture
def hub():
    with hub_server(FILES) as server:
        yield server


def fetch(address, cache, form, *blocks, **more):
    """What each block brings; in a process of its own, as the client reads its settings once."""
    settings = {"HF_ENDPOINT": address, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1",
                "NO_PROXY": "127.0.0.1"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", FETCH, form, json.dumps(blocks)], env=os.environ | settings | more,
        capture_output=True, text=True,
        cwd=Path(__file__).parents[1], check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.integration
def test_files_are_brought_once_at_their_commit(hub, tmp_path):
    address, asked = hub
    brought = fetch(address, tmp_path, "parquet", HUB)
    assert brought == [{"data/all.parquet": TABLE.decode("latin1")}]
    assert any(path.endswith("data/all.parquet") for path in asked)
    assert not any("README" in path or "other" in path for path in asked)
    again = fetch(address, tmp_path, "parquet", HUB, HF_HUB_OFFLINE="1")  # from the cache
    assert again == brought


@pytest.mark.integration
def test_rows_are_brought_by_configuration_and_split_and_no_audio_is_decoded(hub, tmp_path):
    address, asked = hub
    unknown = DATASETS | {"splits": ["test"]}
    brought, none = fetch(address, tmp_path, "jsonl", DATASETS, unknown)
    assert read(brought) == [
        ("train/000000", b"first", ONE, "s1", {"age": "5.5", "split": "train"}),
        ("train/000001", b"second", TWO, None, {"split": "train"}),
    ]
    assert none.startswith(f"me/clips@{COMMIT}: could not be read from the hub: ")
    assert "'train'" in none
    assert not any("other" in path for path in asked)


@pytest.mark.integration
def test_rows_are_brought_whatever_files_hold_them(tmp_path):
    block = {key: value for key, value in DATASETS.items() if key != "config"}
    with hub_server(corpora(b"first", b"second")["audiofolder"]) as (address, _):
        (brought,) = fetch(address, tmp_path, "jsonl", block)
    assert read(brought) == [
        ("train/000000", b"first", ONE, "s1", {"age_bucket": "5-7", "split": "train"}),
        ("train/000001", b"second", TWO, "s2", {"age_bucket": "8-9", "split": "train"}),
    ]


def read(brought):
    """Recordings of the format that reads them: name, sound, text, speaker, attributes."""
    files = {name: content.encode("latin1") for name, content in brought.items()}
    return [
        (one.name, one.audio, one.text, one.speaker_id, one.attributes)
        for one in corpus_format("jsonl").read(files, "hr", {})
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "file:///etc/passwd", "local:///etc/passwd", "../a.wav", "s3://bucket/a",
        "zip://a::file:///b", "filecache::hf://datasets/me/clips@1/a", "http://a::file:///b",
        "zip://a::http://127.0.0.1/b", "hf://datasets/me/clips2/a", "hf://me/model/a",
        "http://127.0.0.1:9/a?token=secret", "http://me:secret@169.254.169.254/latest",
    ],
)  # fmt: skip
def test_a_row_names_no_file_of_this_machine_or_network(path):
    """A row of a table comes from strangers, and fsspec opens any file."""
    source = TypeAdapter(Source).validate_python(DATASETS)
    with pytest.raises(InputError, match=r"expected audio in the|a public addr") as caught:
        _content({"bytes": None, "path": path}, "train: row 1", source, LIMITS)
    assert "secret" not in str(caught.value)


@pytest.mark.integration
def test_a_row_that_names_a_file_of_this_machine_stops_the_fetch(tmp_path):
    rows = [
        {"audio": {"bytes": None, "path": "/etc/passwd"}, "sentence": ONE, "age": 1.0, "speaker": 0}
    ]
    with hub_server(FILES | {"data/all.parquet": parquet(rows)}) as (address, _):
        (said,) = fetch(address, tmp_path, "jsonl", DATASETS)
    assert said.startswith(f"me/clips@{COMMIT}: train: row 1: expected audio in the data set")


@pytest.mark.integration
def test_no_network_and_no_such_data_set_say_what_to_do(hub, tmp_path):
    address, _ = hub
    # Offline by setting: at a refused connection the client tries again for half a minute.
    for there, settings in ((address, {"HF_HUB_OFFLINE": "1"}), (f"{address}/nothing", {})):
        for said in fetch(there, tmp_path, "parquet", HUB, DATASETS, **settings):
            assert said.startswith(f"me/clips@{COMMIT}: could not be ")
            assert "kind folder" in said


@pytest.mark.parametrize(("block", "name"), [(HUB, "me/clips"), (DATASETS, "me/clips/tables")])
def test_the_block_pins_a_commit(block, name, tmp_path):
    path = tmp_path / "sources.yaml"
    path.write_text(json.dumps({"mine": block}))
    assert provenance(load_source("mine", path), 1).origin == f"{name}@{COMMIT}"
    path.write_text(json.dumps({"mine": block | {"revision": "main"}}))
    with pytest.raises(InputError, match=r"sources\.yaml: mine\.\w+\.revision: .*got 'main'"):
        load_source("mine", path)
