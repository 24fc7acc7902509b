# python -m pytest tests/test_pull.py
"""Training depends on what it reads: the manifests, not all corpora that happen to be prepared.

This repository's own dvc.yaml on ten sounds in two languages, with the tiny Whisper; what stands in
for the audit lets all pass, or nothing of corpus ``ru``.
"""

import json
import shutil

import pytest

from asr.core.params import read_yaml
from tests.examples import tone, wav
from tests.pipeline_repo import copy_of_this_repository

pytestmark = pytest.mark.integration
AUDIT = (
    "python -c \"from tests.audit_csv import *; write_audit_of('${key}', 99 * ('${key}' == 'ru'))\""
    " && mkdir -p metrics/audit && echo '{}' > metrics/audit/${key}.json"
)
BASE = (
    'python -c "from pathlib import Path; from tests.tiny_whisper import *; '
    "Path('models').mkdir(exist_ok=True); write_transformers(Path('models/base'))\""
)
JUDGE = "mkdir -p models/judge && touch models/judge/none"
LINE = "  {0}: {{format: stamps, language: {0}, source: home}}\n"
FRESH = ("--pull", "--allow-missing", "train")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A repository in which one step was trained, pushed to a remote of its own."""
    repo = copy_of_this_repository(tmp_path_factory.mktemp("repo"))
    home = tmp_path_factory.mktemp("home")
    for n in range(10):
        texts = "".join(f"{name}.utf8={name[0]}{n}\n" for name in ("be", "bg", "ru"))
        (home / f"b{n}.txt").write_text(f"Bird\n{texts}")
        for hz, name in enumerate(("be", "bg", "ru"), start=2):
            (home / f"b{n}_desc_{name}.ogg").write_bytes(wav(tone(0.5, hz=100.0 * hz + n)))
    source = f"home: {{kind: folder, path: {home}, license: CC0-1.0}}\n"
    (repo.folder / "conf/sources.yaml").write_text(source)
    text = (repo.folder / "params.yaml").read_text()
    corpora = text[text.index("  be:") : text.index("test_sets:")]
    lines = LINE.format("be") + LINE.format("bg") + "\n"
    (repo.folder / "params.yaml").write_text(text.replace(corpora, lines))
    repo.set_params({
        "train.max_steps": 1, "train.num_dev_utterances": 1, "train.join.share": 0.0,
        "train.speed_change.most": 0.0, "whisper.train.margin_s": 0.1,
        "whisper.train.long_context.share": 0.0, "split.near_duplicate": 0.0,
    })  # fmt: skip
    pipeline = read_yaml(repo.folder / "dvc.yaml")
    pipeline["stages"]["audit"]["do"]["cmd"] = AUDIT
    pipeline["stages"]["judge"]["cmd"] = JUDGE
    pipeline["stages"]["base"]["cmd"] = BASE
    (repo.folder / "dvc.yaml").write_text(json.dumps(pipeline))
    (repo.folder / "dvc.lock").unlink(missing_ok=True)
    repo.run("dvc", "remote", "add", "--default", "remote", str(tmp_path_factory.mktemp("remote")))
    repo.run("dvc", "repro", "train")
    repo.commit("Train")
    repo.run("dvc", "push")
    return repo


def stale(repo):
    return set(json.loads(repo.run("dvc", "status", "--json", "train", "split", "audit")))


def of_training(repo):
    """What dvc.lock says that training read and wrote."""
    entry = read_yaml(repo.folder / "dvc.lock")["stages"]["train"]
    return {one["path"]: one["md5"] for one in (*entry["deps"], *entry["outs"])}


def test_one_more_corpus_makes_no_training_stale(trained, tmp_path):
    repo = trained.clone(tmp_path / "repo")
    repo.share_cache_of(trained)
    repo.run("dvc", "checkout", "--with-deps", "train")
    params = repo.folder / "params.yaml"
    params.write_text(
        params.read_text().replace("\ntest_sets:", LINE.format("ru") + "\ntest_sets:")
    )
    repo.run("dvc", "repro", "audit@ru")
    assert (repo.folder / "data/prepared/ru/00000.parquet").exists()
    assert stale(repo) == {"split"}
    repo.run("dvc", "repro", "split")
    assert stale(repo) == set()
    assert len((repo.folder / "data/manifests/suspects.jsonl").read_text().splitlines()) == 10


def test_a_fresh_clone_that_pulled_has_nothing_to_train(trained, tmp_path):
    fresh = trained.clone(tmp_path / "fresh")
    fresh.run("dvc", "pull", "--with-deps", "train")
    assert "Running stage" not in fresh.run("dvc", "repro", "train")


def test_a_fresh_clone_trains_on_the_data_that_it_brings(trained, tmp_path):
    fresh, other = (trained.clone(tmp_path / name) for name in ("fresh", "other"))
    fresh.set_params({"train.lr": 1e-3})
    said = fresh.run("dvc", "repro", *FRESH)
    assert "dvc pull data/prepared/be data/prepared/bg" in said
    assert "Running stage 'split'" not in said
    # `dvc exp run` makes empty folders first, so that split runs, and misses every corpus.
    other.run("dvc", "exp", "run", "-S", "train.lr=1e-3", *FRESH)
    assert of_training(fresh) == of_training(other)
    assert of_training(fresh)["models/tuned"] != of_training(trained)["models/tuned"]


def test_what_the_remote_lacks_is_named_and_nothing_trained(trained, tmp_path):
    fresh = trained.clone(tmp_path / "fresh")
    remote = tmp_path / "remote"
    shutil.copytree(fresh.run("dvc", "remote", "list").split()[1], remote)
    fresh.run("dvc", "remote", "modify", "remote", "url", str(remote))
    lock = read_yaml(fresh.folder / "dvc.lock")["stages"]["prepare@bg"]
    md5 = next(out["md5"] for out in lock["outs"] if out["path"] == "data/prepared/bg")
    (remote / "files/md5" / md5[:2] / md5[2:]).unlink()
    fresh.set_params({"train.lr": 1e-3})
    said = fresh.run("dvc", "repro", *FRESH, succeeds=False)
    assert "train_stage: data/prepared/bg: not here, and `dvc pull data/prepared/be " in said
    assert not (fresh.folder / "models/tuned").exists()
