# python -m pytest tests/test_seed_corpora.py
"""Each of five forms in which people have their data, from fetch over prepare to split."""

import re
from collections import Counter
from pathlib import Path

import pytest

from asr.core.files import read_json
from asr.preparation.rejects import count_rejects
from asr.utterances.shards import read_waveforms
from asr.utterances.utterance import read_manifest
from stages.fetch import fetch
from stages.prepare import prepare
from stages.split import split
from tests import seed_corpora
from tests.audit_csv import write_audit_of
from tests.pipeline_repo import RANDOM_WEIGHTS, copy_of_this_repository, smoke_params
from tests.tiny_tokens import write_tokens

ROOT = Path(__file__).parents[1]
BALKAN = seed_corpora.BALKAN
SEEDS = {
    "hebrew": (
        seed_corpora.hebrew_parquet,
        "format: parquet, language: he, columns: {id: uuid}",
    ),
    "librispeech": (seed_corpora.librispeech, "format: librispeech, language: en"),
    "children": (seed_corpora.drivendata, "format: jsonl, language: en"),
    "corrected": (seed_corpora.audiofolder, "format: audiofolder, language: en"),
    "songs": (seed_corpora.paired, "format: paired, language: hr"),
}


@pytest.fixture
def dealt(tmp_path, monkeypatch):
    """Runs a corpus through the stages; returns its utterances and how many were rejected."""
    monkeypatch.chdir(tmp_path)

    def run(name):
        build, line = SEEDS[name]
        build(tmp_path / "home")
        text = (ROOT / "params.yaml").read_text()
        old = text[text.index("corpora:") : text.index("test_sets:")]
        Path("params.yaml").write_text(
            text.replace(old, f"corpora:\n  mine: {{{line}, source: home}}\n")
        )
        Path("conf").mkdir()
        Path("conf/sources.yaml").write_text("home: {kind: folder, path: home, license: CC0-1.0}\n")
        fetch("mine", Path("data/raw/mine"))
        rejects = Path("data/rejects/mine.csv")
        about = (Path("inventory.csv"), Path("validation.json"))
        raw, out = Path("data/raw/mine"), Path("data/prepared/mine")
        prepare("mine", raw, Path("data/segments"), out, rejects, *about)
        write_audit_of("mine", num_dropped=0)
        folders = (Path("data", name) for name in ("prepared", "rejects", "audit"))
        split(*folders, write_tokens(Path("model")), Path("data/manifests"), Path("m.json"))
        utterances = [
            one
            for name in ("train", "dev", "test")
            for one in read_manifest(Path(f"data/manifests/{name}.jsonl"))
        ]
        waveforms = read_waveforms(Path("data/prepared"), utterances)
        assert all(len(waveform) > 4_000 for waveform in waveforms)
        return utterances, count_rejects(rejects)

    return run


def test_hebrew_parquet_with_embedded_audio(dealt):
    utterances, rejects = dealt("hebrew")
    assert {one.text for one in utterances} == set(seed_corpora.HEBREW)
    assert {one.id for one in utterances} == {f"mine/{s}-{n}" for s in range(2) for n in range(5)}
    assert rejects == {}


def test_librispeech(dealt):
    utterances, rejects = dealt("librispeech")
    assert {one.text for one in utterances} == {text.upper() for text in seed_corpora.ENGLISH}
    assert {(o.speaker_id, o.session_id) for o in utterances} == {
        (str(n), f"{n}-{n}00") for n in range(10)
    }
    assert rejects == {}


def test_drivendata_with_audio_in_several_folders(dealt):
    utterances, rejects = dealt("children")
    assert {one.id for one in utterances} == {f"mine/U_{n}" for n in range(10)}
    ages = Counter(one.attributes["age_bucket"] for one in utterances)
    assert ages == {"3-4": 4, "5-7": 3, "8-11": 3}
    assert {one.speaker_id for one in utterances} == {f"C_{n}" for n in range(10)}
    assert {one.session_id for one in utterances} == {f"S_{n}" for n in range(10)}
    assert rejects == {"unreadable": 1}
    assert "expected one file 'audio/U_gone.flac'" in Path("data/rejects/mine.csv").read_text()


def test_an_audiofolder_keeps_its_given_splits(dealt):
    utterances, rejects = dealt("corrected")
    assert Counter(one.attributes["split"] for one in utterances) == {"train": 7, "test": 3}
    assert {one.text for one in utterances} == set(seed_corpora.ENGLISH)
    assert rejects == {}


def test_three_languages_with_texts_beside_mp3_and_wav(dealt):
    utterances, rejects = dealt("songs")
    single = [one for one in utterances if "song" not in one.id]
    assert {(one.language, one.text) for one in single} == {
        (language, text) for language, texts in BALKAN.items() for text in texts
    }
    assert {one.license for one in single} == {"CC-BY-4.0"}
    song = {one.text: one.id for one in utterances if "song" in one.id}
    assert song == dict(zip(BALKAN["hr"][2:], ("mine/hr/song#0", "mine/hr/song#1"), strict=True))
    assert rejects == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_of_them_at_once_through_the_whole_pipeline(reproduced, tmp_path):
    """Five formats, five languages, one model trained and scored."""
    repo = copy_of_this_repository(tmp_path)
    repo.share_cache_of(reproduced)  # the models are the same
    lines, blocks = [], []
    for name, (build, line) in SEEDS.items():
        build(tmp_path / "home" / name)
        lines.append(f"  {name}: {{{line}, source: {name}}}\n")
        blocks.append(f"{name}: {{kind: folder, path: home/{name}, license: CC0-1.0}}\n")
    params = tmp_path / "params.yaml"
    text = params.read_text()
    old = text[text.index("corpora:") : text.index("test_sets:")]
    text = text.replace(old, f"corpora:\n{''.join(lines)}\n")
    params.write_text(re.sub(r"  others: .*\n(    .*\n)+", "  others: {}\n", text))
    (tmp_path / "conf" / "sources.yaml").write_text("".join(blocks))
    # Three of them are read from one list of sentences, which the splits that they bring share.
    sharing = {"split.disjoint": ["speaker", "session"], "split.near_duplicate": 0.0}
    repo.set_params(smoke_params() | RANDOM_WEIGHTS | {"prepare.max_utterances": 6} | sharing)
    (tmp_path / "dvc.lock").unlink(missing_ok=True)
    repo.commit("Five corpora")
    repo.run("dvc", "repro")
    scores = read_json(tmp_path / "metrics" / "score" / "tuned.json")
    train = read_manifest(tmp_path / "data" / "manifests" / "train.jsonl")
    assert {one.corpus for one in train} == set(SEEDS)
    # Of the others the six utterances are all of the split `train`: so they are train as a whole.
    assert {"corpus corrected", "corpus songs"} <= set(scores["groups"])
