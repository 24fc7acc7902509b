# python -m pytest tests/test_pull.py
"""Training depends on what it reads: the manifests, not all corpora that happen to be prepared."""

import json
import shutil

import pytest

from asr.core.params import read_yaml
from tests.trained_repo import LINE

pytestmark = pytest.mark.integration
FRESH = ("--pull", "--allow-missing", "train")


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
