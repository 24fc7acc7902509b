# python -m pytest tests/test_data_path.py
"""fetch, prepare and split, from an unpacked corpus to manifests."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from asr.audit.table import Suspect, write_audit
from asr.core.cli import run
from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of
from asr.utterances.jsonl import read_jsonl
from asr.utterances.shards import read_utterances, read_waveforms
from asr.utterances.utterance import read_manifest
from stages.fetch import fetch
from stages.prepare import prepare
from stages.split import split
from tests.audit_csv import audited, write_audit_of
from tests.examples import tone, wav
from tests.tiny_tokens import write_tokens

ROOT = Path(__file__).parents[1]
CORPORA = """corpora:
  be: {format: stamps, language: be, source: home}
  bg: {format: stamps, language: bg, source: home}
"""


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """A repository whose corpus is ten stamps that are described in two languages."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text()
    corpora = text[text.index("corpora:") : text.index("test_sets:")]
    Path("params.yaml").write_text(text.replace(corpora, CORPORA))
    Path("conf").mkdir()
    Path("conf/sources.yaml").write_text("home: {kind: folder, path: home, license: CC0-1.0}\n")
    Path("home/birds").mkdir(parents=True)
    for n in range(10):
        stem = f"home/birds/b{n}"
        Path(f"{stem}.txt").write_text(f"Bird {n}\nbe.utf8=Птушка {n}.\nbg.utf8=Птица {n}.\n")
        Path(f"{stem}_desc_be.ogg").write_bytes(wav(tone(0.5, hz=200.0 + n)))
        Path(f"{stem}_desc_bg.ogg").write_bytes(wav(tone(0.6, hz=300.0 + n)))
    Path("home/birds/silent_desc_be.ogg").write_bytes(wav(tone(0.5)))
    return tmp_path


def run_all():
    for corpus in ("be", "bg"):
        run_corpus(corpus)
    run_split()


def run_corpus(corpus):
    raw, out = Path("data/raw", corpus), Path("data/prepared", corpus)
    fetch(corpus, raw)
    beside = ("rejects/{}.csv", "inventory/{}.csv", "validation/{}.json")
    prepare(
        corpus, raw, Path("data/segments"), out,
        *(Path("data", place.format(corpus)) for place in beside),
    )  # fmt: skip
    write_audit_of(corpus, num_dropped=0)


def run_split():
    data = Path("data")
    folders = (data / name for name in ("prepared", "rejects", "audit"))
    split(*folders, write_tokens(Path("model")), data / "manifests", Path("data.json"))


@pytest.mark.usefixtures("repo")
def test_from_an_unpacked_corpus_to_manifests():
    run_all()
    counts = read_json(Path("data.json"))
    assert counts["corpora"]["be"] == {
        "num_utterances": 10,
        "hours": 0.0014,
        "num_with_digits": 10,
        "num_repaired": {},
        "num_rejected": {"no_transcript": 1},
        "num_dropped_by_audit": {},
    }
    test = Path("data/manifests/test.jsonl")
    utterances = read_manifest(test)
    by_corpus = {name: sum(u.corpus == name for u in utterances) for name in ("be", "bg")}
    assert all(by_corpus.values())
    assert counts["splits"]["test"]["num_utterances_by"]["corpus"] == by_corpus
    seconds = 0.5 * by_corpus["be"] + 0.6 * by_corpus["bg"]
    assert counts["splits"]["test"]["seconds"] == pytest.approx(seconds)
    assert counts["test_sha256"] == sha256_of(test)
    assert utterances[0].source.startswith("home:birds/b")
    lengths = [len(w) for w in read_waveforms(Path("data/prepared"), utterances)]
    assert lengths == [8_000] * by_corpus["be"] + [9_600] * by_corpus["bg"]


@pytest.mark.usefixtures("repo")
def test_a_second_run_gives_the_same_bytes():
    run_all()
    files = sorted(path for path in Path("data").rglob("*") if path.is_file())
    before = [sha256_of(path) for path in files]
    # two tars, two source.json, two shards, two of rejects, inventory, validation and audit; four
    # manifests, what the split set aside, and what the audit doubts
    assert len(files) == 20
    shutil.rmtree("data")
    run_all()
    assert [sha256_of(path) for path in files] == before


@pytest.mark.usefixtures("repo")
def test_what_the_audit_dropped_is_in_no_manifest_and_counted():
    run_all()
    write_audit_of("be", num_dropped=2)
    run_split()
    counts = read_json(Path("data.json"))
    assert counts["corpora"]["be"]["num_utterances"] == 8
    assert counts["corpora"]["be"]["num_dropped_by_audit"] == {"no_speech": 2}
    dropped = {one.id for one in read_utterances(Path("data/prepared/be"))[:2]}
    names = ("train", "dev", "test")
    dealt = [u.id for name in names for u in read_manifest(Path(f"data/manifests/{name}.jsonl"))]
    assert len(dealt) == 18 and not dropped & set(dealt)
    suspects = read_jsonl(Path("data/manifests/suspects.jsonl"), Suspect)
    assert {one.id for one in suspects} == dropped
    assert {(one.fault, one.hypothesis, one.kept) for one in suspects} == {
        ("no_speech", "брум-брум", False)
    }


@pytest.mark.usefixtures("repo")
def test_what_the_audit_did_not_draw_is_kept_and_counted():
    run_all()
    assert "num_not_drawn_by_audit" not in read_json(Path("data.json"))
    rows = audited(read_utterances(Path("data/prepared/be")), num_dropped=0)
    rows[3:] = [replace(row, log_prob=None, end_drop_db=None) for row in rows[3:]]
    write_audit(Path("data/audit/be.csv"), rows)
    run_split()
    counts = read_json(Path("data.json"))
    assert counts["num_not_drawn_by_audit"] == {"be": 7, "bg": 0}
    assert counts["corpora"]["be"]["num_utterances"] == 10


@pytest.mark.usefixtures("repo")
def test_a_replay_corpus_is_in_a_manifest_of_its_own_and_changes_no_other():
    run_all()
    manifests = [Path(f"data/manifests/{name}.jsonl") for name in ("train", "dev", "test")]
    before = [path.read_bytes() for path in manifests], read_json(Path("data.json"))
    assert Path("data/manifests/replay.jsonl").read_bytes() == b""
    for n in range(10):
        with Path(f"home/birds/b{n}.txt").open("a") as file:
            file.write(f"ru.utf8=Птаха {n}.\n")
        Path(f"home/birds/b{n}_desc_ru.ogg").write_bytes(wav(tone(0.5, hz=400.0 + n)))
    params = Path("params.yaml")
    ru = "  ru: {format: stamps, language: ru, source: home, replay: true}\n"
    text = params.read_text().replace(CORPORA, CORPORA + ru)
    params.write_text(re.sub(r"(  replay:.*\n    share:) \S+", r"\1 0.2", text))
    run_corpus("ru")
    run_split()
    after = [path.read_bytes() for path in manifests], read_json(Path("data.json"))
    assert after[0] == before[0]
    assert after[1].pop("replay") == {
        "num_utterances": {"ru": 10},
        "seconds": 5.0,
        "aside": {},
        "num_per_epoch": round(len(read_manifest(manifests[0])) / 4),
    }
    assert after[1]["corpora"].pop("ru")["num_utterances"] == 10
    assert after[1] == before[1]
    replayed = read_manifest(Path("data/manifests/replay.jsonl"))
    assert {(one.corpus, one.language) for one in replayed} == {("ru", "ru")}


@pytest.mark.usefixtures("repo")
def test_an_audit_of_other_utterances_is_refused():
    run_all()
    shutil.copy("data/audit/bg.csv", "data/audit/be.csv")
    with pytest.raises(InputError, match=r"be\.csv: expected the 10 utterances.*first.*'be/birds"):
        run_split()


@pytest.mark.usefixtures("repo")
def test_a_corpus_that_is_gone_from_params_must_be_removed():
    run_all()
    params = Path("params.yaml")
    params.write_text(params.read_text().replace(CORPORA.splitlines()[2], ""))
    Path("audit").mkdir()
    Path("audit/bg.json").touch()  # metrics beside data.json; they are in Git
    with pytest.raises(InputError) as caught:
        run_split()
    message = str(caught.value)
    assert message.startswith("['bg'] belong to no corpus of params.yaml; remove them: rm -r ")
    command = message.partition("remove them: ")[2]
    subprocess.run(command.split(), check=True)
    assert not [*Path("data").rglob("*bg*"), *Path("audit").iterdir()]
    run_split()


@pytest.mark.usefixtures("repo")
def test_all_that_split_lacks_is_one_message():
    run_all()
    shutil.rmtree("data/prepared/bg")
    Path("data/audit/be.csv").rename("data/audit/old.csv")
    with pytest.raises(InputError) as caught:
        run_split()
    assert str(caught.value) == (
        "data/prepared: expected ['be', 'bg'], missing ['bg']; "
        "data/audit: expected ['be.csv', 'bg.csv'], missing ['be.csv']; "
        "['old'] belong to no corpus of params.yaml; remove them: rm -r data/audit/old.csv"
    )


@pytest.mark.usefixtures("repo")
def test_a_language_the_source_lacks_is_told():
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("language: bg", "language: fi"))
    shutil.rmtree("home")
    Path("home").mkdir()
    message = "corpora.bg: expected files for format stamps and language 'fi', got none from home"
    with pytest.raises(InputError, match=message):
        fetch("bg", Path("data/raw/bg"))
    assert not Path("data/raw/bg").exists()


@pytest.mark.usefixtures("repo")
def test_an_unknown_format_is_told_with_those_there_are():
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("bg: {format: stamps", "bg: {format: stamp"))
    with pytest.raises(
        InputError,
        match=r"corpora: format: no 'stamp' in asr.corpus_formats, there are \[.*'stamps'",
    ):
        fetch("bg", Path("data/raw/bg"))


@pytest.mark.usefixtures("repo")
def test_a_stage_ends_in_one_line_and_exit_status_1(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["fetch", "--corpus", "zz", "--out", "data/raw/zz"])
    with pytest.raises(SystemExit) as caught:
        run(fetch)
    message = str(caught.value)  # sys.exit prints it to stderr and ends with 1
    assert message == "fetch: params.yaml: corpora.zz: no such corpus, there are ['be', 'bg']"
