import pytest

from asr.core.errors import InputError
from commands.recipe import command


def test_recipe_is_an_ordinary_dvc_exp_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "quick.yaml").write_text("train.lr: 1e-5\ntrain.max_steps: 2\n")
    assert command("quick", ["--queue"]) == [
        *("dvc", "exp", "run", "--temp"),
        *("--set-param", "train.lr=1e-05", "--set-param", "train.max_steps=2"),
        "--queue",
    ]


def test_unknown_recipe_is_refused_with_the_known_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "smoke.yaml").write_text("{}")
    with pytest.raises(InputError, match=r"somke.yaml: no such recipe, there are \['smoke'\]"):
        command("somke", [])
