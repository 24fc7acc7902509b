import math
import shutil

import pytest
from accelerate.state import AcceleratorState

from asr.core.errors import InputError
from asr.core.params import load_params, read_yaml
from asr.training.params import TrainParams
from asr.training.plan import plan_steps
from asr.training.task import task_of
from asr.training.update import Updater
from commands.recipe import command
from tests.examples import utterance
from tests.pipeline_repo import ROOT, PipelineRepo
from tests.tiny_families import ALONE, CLIPS, TEXTS, WHISPER


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


@pytest.fixture
def any_precision():
    """accelerate holds a process to the precision of its first run."""
    AcceleratorState._reset_state()
    yield
    AcceleratorState._reset_state()


@pytest.mark.integration
def test_the_recipe_for_children_makes_a_step_of_36_clips_at_tiny_size(
    tmp_path, made_once, any_precision
):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    PipelineRepo(tmp_path).set_params(read_yaml(ROOT / "recipes" / "children.yaml"))
    params = load_params("train", TrainParams, tmp_path / "params.yaml")
    base = made_once("tiny-whisper", lambda folder: WHISPER.write_base(folder / "base")) / "base"
    them = [utterance(str(i), text=TEXTS[i % 4], duration_s=0.5) for i in range(72)]
    trainee = WHISPER.trainee(base, params.tune, gradient_checkpointing=True)

    def collate(batch):
        clips = [example.pieces[0].index % 4 for example in batch.examples]
        said = [them[clip] for clip in clips]
        return trainee.batch([CLIPS[i] for i in clips], said, 2.0, clips, zeros=False)

    made = task_of(trainee, them, 30.0, collate, lambda: None,
                   num_labels=[9] * 72, num_replay=0, shard_weights=False)  # fmt: skip
    alone = params.model_copy(update={"join": params.join.model_copy(update={"share": 0.0})})
    _, batches = plan_steps(
        made.durations_s, made.groups, made.token_limit, made.seconds, None, alone, seed=1
    )[0]
    assert [len(batch.examples) for batch in batches] == [12, 12, 12]
    updater = Updater(made, params, ALONE, tmp_path / "limits.json")
    row = updater.step(batches, dict.fromkeys(updater.groups.values(), params.lr))
    assert math.isfinite(row["loss"]) and math.isfinite(row["grad_norm"])
