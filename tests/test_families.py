# python -m pytest tests/test_families.py    (a minute and a half)
"""Every family through the same DAG, and one whose roles have other files than Whisper's."""

import json
import shutil
from pathlib import Path

import pytest

from asr.core.files import read_json
from asr.core.params import read_yaml
from asr.utterances.hypothesis import read_hypotheses
from asr.utterances.utterance import read_manifest
from tests.pipeline_repo import copy_of_this_repository, experiments, out_hashes, smoke_params

pytestmark = pytest.mark.integration

BLOCK = """
toy:
  small:
    ears: {kind: random, config: {width: 8}, seed: 1}
    alphabet: {kind: random, config: {letters: абвгдеёжзійклмнопрстуўфхцчшыьэюящъ}, seed: 0}
"""
PARAMS = "\ntoy: {train: {head_rate: 2.0}, decode: {}}\n"


def stale(repo):
    """The stages that `dvc status` calls changed."""
    return set(json.loads(repo.run("dvc", "status", "--json")))


@pytest.fixture(scope="module")
def toy(reproduced, tmp_path_factory):
    """A repository in which `dvc repro` has run with the toy family."""
    repo = copy_of_this_repository(tmp_path_factory.mktemp("toy"))
    repo.share_cache_of(reproduced)  # the speech and the judge are the same
    shutil.copytree(Path(__file__).parent / "toy_family", repo.folder / "asr/families/toy")
    for file, text in (("conf/models.yaml", BLOCK), ("params.yaml", PARAMS)):
        with (repo.folder / file).open("a") as opened:
            opened.write(text)
    chosen = {"model.family": "toy", "model.name": "small", "audit.judge.name": "random"}
    repo.set_params(smoke_params() | chosen | {"prepare.max_duration_s": 20.0})
    (repo.folder / "dvc.lock").unlink(missing_ok=True)
    repo.commit("A toy family")
    repo.run("dvc", "repro")
    repo.commit("Run it")
    return repo


def test_the_whole_dag_runs_with_it(toy):
    assert stale(toy) == set()
    tested = read_manifest(toy.folder / "data/manifests/test.jsonl")
    for model in ("base", "tuned"):
        hypotheses = read_hypotheses(toy.folder / f"data/hypotheses/{model}.jsonl")
        assert sorted(hypotheses) == sorted(one.id for one in tested)
    assert read_json(toy.folder / "metrics/compare.json")
    base, tuned = ((toy.folder / f"models/{name}/net.safetensors").read_bytes()
                   for name in ("base", "tuned"))  # fmt: skip
    assert base != tuned


def test_only_the_chosen_familys_params_and_code_are_deps(toy):
    stages = read_yaml(toy.folder / "dvc.lock")["stages"]
    params = stages["train"]["params"]["params.yaml"]
    assert "toy.train" in params
    assert not [key for key in params if key.startswith("whisper")]
    code = {dep["path"] for stage in stages.values() for dep in stage["deps"]}
    judging = {"window.py", "tokens", "base", "model", "runtime", "judge"}
    whispers = {path for path in code if path.startswith("asr/families/whisper/")}
    assert whispers == {f"asr/families/whisper/{role}" for role in judging}


def test_params_diff_shows_the_chosen_family_alone(toy):
    params = toy.folder / "params.yaml"
    before = params.read_text()
    params.write_text(
        before.replace("head_rate: 2.0", "head_rate: 3.0").replace("margin_s: 0.5", "margin_s: 0.6")
    )
    shown = json.loads(toy.run("dvc", "params", "diff", "--deps", "--json"))
    params.write_text(before)
    assert list(shown["params.yaml"]) == ["toy.train.head_rate"]


def test_another_model_to_tune_audits_nothing_anew(toy):
    params = toy.folder / "params.yaml"
    before = params.read_text()
    toy.set_params({"model.family": "whisper", "model.name": "random"})
    changed = stale(toy)
    params.write_text(before)
    assert {"base", "split", "train", "transcribe@base"} <= changed
    assert not [name for name in changed if name.startswith(("audit", "judge", "prepare", "fetch"))]


def test_what_a_family_cannot_do_is_refused_when_params_are_read(toy):
    toy.set_params({"train.tune": "lora"})
    said = toy.run("dvc", "repro", "--force", "--single-item", "split", succeeds=False)
    toy.set_params({"train.tune": "full"})
    assert "params.yaml: train.tune: expected full" in said


def manifests(repo):
    return {path: md5 for path, md5 in out_hashes(repo).items() if path.startswith("data/manif")}


def test_experiments_with_other_families_stand_side_by_side(reproduced, tmp_path):
    """The family ctc: tests/test_ctc_pipeline.py."""
    repo = reproduced.clone(tmp_path / "clone")
    repo.share_cache_of(reproduced)
    repo.run("dvc", "checkout")
    clips = manifests(repo)
    for family in ("qwen3_asr", "speech_llm"):
        chosen = (f"model.family={family}", "model.name=tiny")
        repo.run("dvc", "exp", "run", "--name", family, "-S", chosen[0], "-S", chosen[1])
        assert manifests(repo) == clips
    shown = experiments(repo)
    for family in ("qwen3_asr", "speech_llm"):
        found = shown[family]
        assert found["params"]["params.yaml"]["data"]["model"]["family"] == family
        scores = found["metrics"]["metrics/score/tuned.json"]["data"]
        assert scores["groups"]["corpus be"]["wer"] > 0
        assert "language_model" not in scores
    repo.run("dvc", "get", ".", "models/tuned", "--rev", "speech_llm", "--out", "models/projector")
    assert (repo.folder / "models/projector/projector.safetensors").is_file()
