# python -m pytest tests/test_recipe.py    (half an hour more with -m slow)
import json
import math
import shutil
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from dvc.utils.hydra import apply_overrides

from asr.core.errors import InputError
from asr.core.params import load_params, read_yaml
from asr.experiments import recipes
from asr.training.params import TrainParams
from asr.training.plan import plan_steps
from asr.training.task import task_of
from asr.training.update import Updater
from commands.recipe import command, main
from tests.examples import utterance
from tests.pipeline_repo import ROOT, PipelineRepo
from tests.tiny_families import ALONE, CLIPS, TEXTS, WHISPER

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
NAMES = [path.stem for path in RECIPES]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A folder with this repository's params, in which recipes can be written."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "conf/models.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "recipes").mkdir()

    def write(**recipes):
        for name, text in recipes.items():
            (tmp_path / "recipes" / f"{name}.yaml").write_text(text)

    return write


def test_recipe_is_an_ordinary_dvc_exp_run(written):
    written(quick="train.lr: 1e-5\ntrain.max_steps: 2\n")
    words, notes = command(["quick"], ["--queue"])
    assert words == [
        *("dvc", "exp", "run", "--temp"),
        *("--set-param", "train.lr=1e-05", "--set-param", "train.max_steps=2"),
        "--queue",
    ]
    assert notes == []


def test_the_later_of_two_recipes_counts_and_it_is_said(written):
    written(
        fast="train.lr: 1e-4\ntrain.max_steps: 2\n",
        slow="recipes: [fast]\ntrain.lr: 1e-5\n",
        phone="test_sets.a: {format: jsonl, language: be, source: a}\n",
        none="test_sets: {}\n",
    )
    words, notes = command(["slow"], [])
    assert words[-4:] == ["--set-param", "train.max_steps=2", "--set-param", "train.lr=1e-05"]
    assert notes == ["train.lr: 1e-05 of recipe slow replaces 0.0001 of recipe fast"]
    assert command(["slow", "fast"], [])[0][-4:-2] == ["--set-param", "train.lr=0.0001"]
    words, notes = command(["phone", "none"], [])
    assert words == ["dvc", "exp", "run", "--temp"]
    assert "of recipe none replaces test_sets.a {'format': 'jsonl'" in notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.lr_: 1e-5", r"recipes/odd.yaml: train.lr_: Extra inputs are not permitted, got"),
        ("trian.lr: 1e-5", "recipes/odd.yaml: trian: unknown section"),
        ("train.lr: fast", "recipes/odd.yaml: train.lr: Input should be .* got 'fast'"),
        ("train: {lr: 1e-5}", "recipes/odd.yaml: train.text: Field required"),
        ("model.family: klingon", "recipes/odd.yaml: model.family: no family 'klingon'"),
        ("corpora.be.language: xx", "recipes/odd.yaml: corpora.be.language: .* got 'xx'"),
        ("recipes: [odd]", "recipes/odd.yaml: recipes: expected no circle, got odd → odd"),
        ("recipes: [evn]", r"recipes/evn.yaml: no such recipe, there are \['odd'\]"),
        ("recipes: smoke", "recipes/odd.yaml: recipes: expected a list of recipes, got 'smoke'"),
        ("- train.lr", r"recipes/odd.yaml: expected section.key: value lines, got \['train.lr'\]"),
        ("train.lr: [", "recipes/odd.yaml: expected YAML"),
    ],
)
def test_a_fault_names_file_key_and_what_it_got(written, text, message):
    written(odd=text)
    with pytest.raises(InputError, match=message):
        command(["odd"], [])


def test_a_fault_of_params_that_no_recipe_sets_names_params(written):
    written(odd="seed: 2")
    text = Path("params.yaml").read_text().replace("num_beams: 5", "num_beams: many")
    Path("params.yaml").write_text(text)
    with pytest.raises(
        InputError, match=r"params.yaml with these values: decode.num_beams: .*many"
    ):
        command(["odd"], [])


@pytest.mark.parametrize("names", [[name] for name in NAMES] + [["children", "mac", "smoke"]])
def test_dvc_makes_of_a_recipe_the_params_that_were_checked(names, tmp_path, monkeypatch):
    checked = []
    monkeypatch.setattr(recipes, "check", lambda content, *_: checked.append(content))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    combined = recipes.combine(names, ROOT / "recipes")
    lines = recipes.overrides(combined, ROOT / "params.yaml")
    apply_overrides(tmp_path / "params.yaml", lines)
    assert checked == [read_yaml(tmp_path / "params.yaml")]
    monkeypatch.undo()
    recipes.check(checked[0], combined.origins, ROOT / "params.yaml")


def test_a_mapping_replaces_what_was_there(written):
    line = {"format": "jsonl", "language": "bg", "source": "mine"}
    written(own=json.dumps({"corpora": {"bg": line}}))
    words, _ = command(["own"], [])
    apply_overrides("params.yaml", words[5::2])
    assert read_yaml(Path("params.yaml"))["corpora"] == {"bg": line}


def test_a_mapping_is_emptied_where_dvc_can_write_that(written):
    written(none="lm.text: {}\n", others="guards.others: {}\n")
    words, _ = command(["none"], [])
    apply_overrides("params.yaml", words[5::2])
    assert read_yaml(Path("params.yaml"))["lm"]["text"] == {}
    with pytest.raises(
        InputError, match=r"recipes/others.yaml: guards.others: expected a key.*, got {}"
    ):
        command(["others"], [])


@pytest.mark.parametrize(
    "value",
    ["", "1e5", "0.1.0", "null", "True", "a, b: {c}", "it's", 'a "b"', "a\\", "a\\'", "[x]", "$x",
     "s3://bucket/a b", "Купала", "a=b", "~x", None, True, [1, "a b"], {"a": [None, "x'"]}],
)  # fmt: skip
def test_every_value_reaches_params_as_it_is(tmp_path, value):
    path = tmp_path / "params.yaml"
    path.write_text("a: {b: 1}\n")
    apply_overrides(path, [f"+a.c={recipes.in_hydra(value)}"])
    assert read_yaml(path)["a"]["c"] == value


@pytest.mark.parametrize("path", RECIPES, ids=NAMES)
def test_every_recipe_says_whom_it_is_for_what_it_needs_and_what_it_reached(path):
    said = recipes.about(path)
    assert list(said) == ["For", "Needs", "Reached"]
    assert all(text.endswith((".", ")")) for text in said.values())


def test_without_a_name_all_are_listed(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if not line.startswith(" ")] == NAMES
    assert "\nsmoke\n  For: a test that the whole pipeline runs" in shown


def test_the_starter_is_what_params_have(monkeypatch):
    combined = recipes.combine(["starter"], ROOT / "recipes")
    for key, value in combined.values.items():
        there = read_yaml(ROOT / "params.yaml")
        for name in key.split("."):
            there = there[name]
        assert there == value, key


def test_unknown_recipe_is_refused_with_the_known_ones(written):
    written(smoke="{}")
    with pytest.raises(InputError, match=r"somke.yaml: no such recipe, there are \['smoke'\]"):
        command(["somke"], [])


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
