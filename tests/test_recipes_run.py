# python -m pytest tests/test_recipes_run.py -m slow    (twenty minutes on two cores)
"""Each recipe for a use, at tiny size, through the whole pipeline on speech of that kind."""

import json
import sqlite3
from contextlib import closing

import pytest

from asr.core.params import read_yaml
from asr.utterances.utterance import read_manifest
from tests import seed_corpora
from tests.pipeline_repo import experiments
from tests.seed_corpora import HEBREW, sound

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
ON_CPU = {"machine.device": "cpu", "train.precision": "fp32", "decode.precision": "float32",
          "audit.judge.name": "random"}  # fmt: skip
TINY_WHISPER = {"model.name": "random", "machine.device": "cpu", "audit.judge.name": "random"}
# Ten sentences of one corpus. What no recipe here changes is left out: guards and exports.
OWN = {"prepare.max_utterances": 12, "lm.text": {}}
RU = {"format": "stamps", "language": "ru", "source": "tuxpaint_stamps", "max_samples": 2}
FEW = {"guards.others": {"ru": RU}, "guards.num_sound_clips": 0, "guards.num_joined": 0,
       "guards.num_timestamp_clips": 0, "align.num_joined": 0,
       "export.formats": ["transformers"], "package.formats": ["transformers"]}  # fmt: skip


def hebrew(home):
    seed_corpora.hebrew_parquet(home / "mine")
    for name in ("fleurs/data/he_il/audio/test", "voices/clips"):
        (home / name).mkdir(parents=True)
    rows, voices = [], ["client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tlocale"]
    for n in range(3):
        text = f"{HEBREW[n]} {HEBREW[n + 3]} {HEBREW[n + 6]}"
        (home / f"fleurs/data/he_il/audio/test/{n}.wav").write_bytes(sound(text, "he", "WAV"))
        rows.append(f"{n}\t{n}.wav\t{text}.\t{text}\tx\t16000\tFEMALE\n")
        text = f"{HEBREW[n + 5]} {HEBREW[n + 1]} {HEBREW[n]}"
        (home / f"voices/clips/{n}.mp3").write_bytes(sound(text, "he", "MP3", variant="f2"))
        voices.append(f"s{n}\t{n}.mp3\t{text}\t2\t0\t\the")
    (home / "fleurs/data/he_il/test.tsv").write_text("".join(rows), encoding="utf-8")
    (home / "voices/test.tsv").write_text("\n".join(voices) + "\n", encoding="utf-8")
    return OWN | ON_CPU | {
        "model.name": "tiny",
        "corpora": {"he": {"format": "parquet", "language": "he", "source": "mine",
                           "columns": {"id": "uuid"}}},
    }  # fmt: skip


def children(home):
    seed_corpora.drivendata(home / "mine")
    corpora = {"kids": {"format": "jsonl", "language": "en", "source": "mine"}}
    return (
        OWN
        | ON_CPU
        | {"model.name": "random", "corpora": corpora, "prepare.max_rejected_share": 0.5}
    )


def songs(home):
    seed_corpora.paired(home / "mine")
    corpora = {"songs": {"format": "paired", "language": "hr", "source": "mine"}}
    return OWN | TINY_WHISPER | {"corpora": corpora}


def corrected(home):
    (home / "mine").mkdir(parents=True)
    with closing(sqlite3.connect(home / "corrections.db")) as database:
        database.execute("create table corrections (id text, text text, audio blob, split text)")
        texts = ("Гэта сабака.", "Гэта кот.", "Добры дзень.", "Вялікі дом.", "Белы снег.")
        for n, text in enumerate(texts):
            row = (str(n), text, sound(text, "be", "FLAC"), "test" if n == 4 else "train")
            database.execute("insert into corrections values (?, ?, ?, ?)", row)
        database.commit()
    return TINY_WHISPER


CASES = {
    "starter": lambda _: TINY_WHISPER,
    "whisper_lora": lambda _: TINY_WHISPER,
    "mac": lambda _: TINY_WHISPER,
    "encoder_llm": lambda _: ON_CPU | {"model.name": "tiny"},
    "hebrew_qwen3": hebrew,
    "children": children,
    "bcs_karaoke": songs,
    "corrections": corrected,
}


@pytest.fixture
def repo(reproduced, tmp_path):
    clone = reproduced.clone(tmp_path / "clone")
    clone.share_cache_of(reproduced)
    clone.run("dvc", "checkout")
    return clone


@pytest.mark.parametrize("name", CASES)
def test_each_runs_through_the_whole_pipeline(repo, tmp_path, name):
    home = tmp_path / "home"
    (repo.folder / "recipes/tiny.yaml").write_text(json.dumps(FEW | CASES[name](home)))
    path = repo.folder / "conf/sources.yaml"
    own = {block: {"kind": "folder", "path": str(home / folder), "license": "CC0-1.0"}
           for block, folder in (("mine", "mine"), ("fleurs_he", "fleurs"),
                                 ("common_voice_he", "voices"))}  # fmt: skip
    own["supabase_corrections"] = {
        "kind": "sql", "dsn_env": "CORRECTIONS_DSN", "license": "CC0-1.0",
        "query": "select id, text, audio, split from corrections where rowid <= :watermark",
        "watermark": 5,
    }  # fmt: skip
    path.write_text(json.dumps(read_yaml(path) | own))
    repo.commit("A tiny recipe, and sources of this machine")
    repo.run("python", "-m", "commands.recipe", name, "smoke", "tiny", "--name", "it",
             CORRECTIONS_DSN=f"sqlite:///{home}/corrections.db")  # fmt: skip
    found = experiments(repo)["it"]
    params = found["params"]["params.yaml"]["data"]
    for key, value in read_yaml(repo.folder / "recipes" / f"{name}.yaml").items():
        if key.startswith("train.lr"):
            assert params["train"]["lr"] == value
    assert found["metrics"]["metrics/score/tuned.json"]["data"]["groups"]["overall"]["wer"] >= 0
    repo.run("dvc", "exp", "apply", "it")
    train = read_manifest(repo.folder / "data/manifests/train.jsonl")
    assert {one.corpus for one in train} == set(params["corpora"])
    assert (repo.folder / "metrics/report.html").is_file()
    assert list((repo.folder / "models/package").iterdir())
    if name == "hebrew_qwen3":
        scored = {one.name for one in (repo.folder / "metrics/test_sets").iterdir()}
        assert {"fleurs_he_test", "common_voice_he_test"} <= scored
    if name == "bcs_karaoke":
        assert list((repo.folder / "data/alignment/outputs").rglob("karaoke.lrc"))
