import shutil

import pytest

from asr.core.errors import InputError
from asr.core.params import load_params, read_yaml
from asr.training.params import TrainParams
from commands.recipe import command
from tests.pipeline_repo import ROOT, PipelineRepo


def test_recipe_is_an_ordinary_dvc_exp_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "quick.yaml").write_text("train.lr: 1e-5\ntrain.max_steps: 2\n")
    assert command("quick", ["--queue"]) == [
        *("dvc", "exp", "run", "--temp"),
        *("--set-param", "train.lr=1e-05", "--set-param", "train.max_steps=2"),
        "--queue",
    ]


def test_phases_of_a_recipe_reach_params_as_they_were(tmp_path):
    phases = [
        {"from_epoch": 0, "groups": ["decoder"]},
        {"from_step": 9, "groups": ["decoder", "encoder.upper"], "lr": {"encoder.upper": 1e-5}},
    ]
    shutil.copy(ROOT / "params.yaml", tmp_path)
    PipelineRepo(tmp_path).set_params({"train.phases": phases})
    assert read_yaml(tmp_path / "params.yaml")["train"]["phases"] == phases


def test_unknown_recipe_is_refused_with_the_known_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "smoke.yaml").write_text("{}")
    with pytest.raises(InputError, match=r"somke.yaml: no such recipe, there are \['smoke'\]"):
        command("somke", [])


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_values_of_every_recipe_are_valid(path, tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    PipelineRepo(tmp_path).set_params(read_yaml(path))
    load_params("train", TrainParams, tmp_path / "params.yaml")
