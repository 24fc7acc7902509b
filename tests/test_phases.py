# python -m pytest tests/test_phases.py
"""Phases of training: groups of weights that learn from a step or epoch on, each at its rate."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from asr.core.errors import InputError
from asr.core.params import load_block, load_family_params, load_params, read_yaml
from asr.families.protocols import family_module
from asr.sources.weights import fetch_block
from asr.training.groups import groups_of, halves, value_for
from asr.training.loop import train
from asr.training.params import TrainParams
from asr.training.phases import Phases
from asr.training.progress import TRAIN_COLUMNS
from stages.train import train_stage
from tests.pipeline_repo import PipelineRepo
from tests.test_training import ALONE, KilledError, SquaredLoss, params, task
from tests.tiny_families import CPU, WHISPER
from tests.tiny_families import task as task_of_family

ROOT = Path(__file__).parent.parent
GROUPS = {"bias": ["line.bias"], "line": ["line."]}
FIRST = {"from_epoch": 0, "groups": ["decoder"]}
EPOCHS = [0, 0, 1, 1, 2, 2]


def section(*phases, **changes):
    """Section `train` of params.yaml with phases, as it is read."""
    content = read_yaml(ROOT / "params.yaml")["train"]
    return TrainParams.model_validate({**content, "phases": [*phases], **changes})


def phase(start, *groups, **more):
    return {"from_step": start, "groups": [*groups], **more}


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([{"groups": ["decoder"]}], "phases.0\n.*either from_epoch or from_step, got none"),
        ([FIRST | {"from_step": 0}], "phases.0\n.*got from_epoch and from_step"),
        ([FIRST | {"groups": []}], r"phases.0.groups\n.*at least 1 item"),
        ([FIRST | {"lr": {"encoder": 1e-5}}], r"that learn in this phase, \['decoder'\], got"),
        ([FIRST | {"lr": {"decoder": 0}}], r"phases.0.lr.decoder\n.*greater than 0"),
        ([FIRST | {"warmup_steps": 5}], "expected phases.0 from .* warmup_steps 5"),
        ([FIRST | {"group": ["encoder"]}], r"phases.0.group\n.*Extra inputs"),
        ([FIRST | {"from_epoch": 1}], "expected phases.0 from epoch or step 0, .*from_epoch 1"),
        ([FIRST, FIRST], "phases.1 to start after the phases before it, from_epoch 1 .*got 0"),
        ([FIRST, phase(9, "a"), phase(3, "b")], "phases.2 to start .*from_step 10 .*got 3"),
        ([FIRST, FIRST | {"from_epoch": 5}], "phases.1.from_epoch below num_epochs 4, got 5"),
        ([FIRST, phase(20, "decoder")], "phases.1.from_step below max_steps 20, got 20"),
    ],
)
def test_faulty_phases_are_refused_when_params_are_read(phases, message):
    with pytest.raises(ValueError, match=message):
        section(*phases, max_steps=20, num_epochs=4, min_hours=0.0)


@pytest.fixture
def params_yaml(tmp_path):
    """Writes params.yaml with some values of its own, beside conf/."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")

    def write(overrides):
        shutil.copy(ROOT / "params.yaml", tmp_path)
        PipelineRepo(tmp_path).set_params(overrides)
        return tmp_path / "params.yaml"

    return write


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"train.phases": [phase(0, "decoders")]},
         r"train.phases.0.groups: expected groups that learn with train.tune full, \['decoder', "
         r"'encoder', 'encoder.lower', 'encoder.upper'\], got 'decoders'"),
        # whisper.train.freeze_embedding is true
        ({"train.phases": [phase(0, "decoder", "embedding")]}, "got 'embedding'"),
        ({"train.tune": "frozen_encoder", "train.phases": [phase(0, "encoder.upper")]},
         r"learn with train.tune frozen_encoder, \['decoder'\], got 'encoder.upper'"),
        ({"whisper.train.cache_encoder": True, "train.phases": [phase(0, "encoder")]},
         "whisper.train.cache_encoder: .* only with train.tune frozen_encoder"),
        ({"model.family": "qwen3_asr", "model.name": "tiny", "train.tune": "lora",
          "train.phases": [phase(0, "language_model", "audio_tower")]},
         r"\['language_model'\], got 'audio_tower'"),
        ({"model.family": "speech_llm", "model.name": "tiny",
          "train.phases": [phase(0, "projector", "encoder")]},
         r"\['embedding', 'language_model', 'projector'\], got 'encoder'"),
    ],
)  # fmt: skip
def test_a_group_that_does_not_learn_is_refused_with_those_that_do(params_yaml, overrides, message):
    with pytest.raises(InputError, match=message):
        load_params("train", TrainParams, params_yaml(overrides))


def test_groups_are_found_by_their_longest_prefix_and_rates_by_the_longest_name():
    groups = {**halves("encoder", "e.", 3), "decoder": ["d."]}
    weights = ["e.conv1.bias", "e.layers.0.fc", "e.layers.1.fc", "e.norm", "d.layers.0.fc"]
    assert [*groups_of(weights, groups).values()] == [
        "encoder.lower", "encoder.lower", "encoder.upper", "encoder.upper", "decoder"
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"x.bias: expected a weight of one of \['encoder.lower'"):
        groups_of(["x.bias"], groups)
    rates = {"encoder": 2.0, "encoder.upper": 3.0}
    names = ("encoder.lower", "encoder.upper", "encoders")
    assert [value_for(name, rates, 1.0) for name in names] == [2.0, 3.0, 1.0]


def planned(*phases, groups=("decoder", "encoder.lower", "encoder.upper"), factors=None, **changes):
    values = {"lr": 1e-4, "schedule": "constant", "warmup_steps": 0, **changes}
    return Phases(section(*phases, **values), EPOCHS, groups, factors or {})


def test_rates_rise_after_a_switch_and_a_group_has_its_own():
    upper = {"from_epoch": 1, "groups": ["decoder", "encoder.upper"], "lr": {"decoder": 4e-5}}
    phases = planned(FIRST, upper | {"warmup_steps": 2}, phase(5, "encoder"))
    assert [phases.rates(step) for step in range(6)] == [
        *[{"decoder": 1e-4}] * 2,
        {"decoder": 2e-5, "encoder.upper": 5e-5},
        *[{"decoder": 4e-5, "encoder.upper": 1e-4}] * 2,
        {"encoder.lower": 1e-4, "encoder.upper": 1e-4},
    ]
    assert [switch["step"] for switch in map(phases.switch, range(6)) if switch] == [0, 2, 5]
    assert phases.switch(2) == {
        "step": 2, "event": "phase", "phase": 2, "groups": "decoder, encoder.upper"
    }  # fmt: skip
    assert phases.described(2) == (
        "phase 2 of 3 from step 2, lr: decoder 4e-05, encoder.upper 0.0001"
    )


def test_the_schedule_goes_on_through_all_phases():
    phases = planned(FIRST, phase(3, "encoder", lr={"encoder": 6e-5}), schedule="linear")
    assert phases.rates(2) == {"decoder": pytest.approx(1e-4 * 4 / 6)}
    assert phases.rates(3)["encoder.lower"] == pytest.approx(6e-5 * 3 / 6)


def test_groups_that_always_learn_alike_share_a_column():
    assert planned().row(3) == {"lr": 1e-4, "lr_decoder": 1e-4, "lr_encoder": 1e-4}
    frozen = planned(FIRST, phase(2, "encoder")).row(0)
    assert frozen == {"phase": 1, "lr": 1e-4, "lr_decoder": 1e-4, "lr_encoder": 0.0}
    apart = planned(FIRST, phase(2, "encoder.upper")).row(2)
    assert apart == {
        "phase": 2, "lr": 1e-4, "lr_decoder": 0.0, "lr_encoder.lower": 0.0, "lr_encoder.upper": 1e-4
    }  # fmt: skip
    factors = planned(groups=("language_model", "projector"), factors={"projector": 2.0}).row(0)
    assert factors == {"lr": 1e-4, "lr_language_model": 1e-4, "lr_projector": 2e-4}


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([FIRST, phase(6, "encoder")], "phases.1.from_step: expected .* run's 6 steps, .* got 6"),
        ([FIRST, {"from_epoch": 3, "groups": ["encoder"]}], "last of epoch 2, got 3: the phase"),
        ([FIRST, {"from_epoch": 2, "groups": ["encoder"]}, phase(4, "decoder")],
         "phases.2: expected a start after step 4, where phase 1 starts, got step 4"),
        ([FIRST, phase(1, "adapter")], r"phases.1.groups: expected .*\['decoder', .*got 'adapter'"),
    ],
)  # fmt: skip
def test_a_phase_that_never_starts_in_this_run_is_refused(phases, message):
    with pytest.raises(InputError, match=message):
        planned(*phases)


def of_line(kill_at_look=None, dev_wers=()):
    """The line of two weights, each in a group of its own."""
    made, looks = task(dev_wers, kill_at_look, SquaredLoss())
    made.weight_groups = GROUPS
    return made, looks


# The matrix learns in the second phase alone; weight decay applies to it.
IN_PHASES = [phase(0, "bias"), phase(3, "line", "bias", warmup_steps=2), phase(6, "bias")]


def in_phases(**changes):
    phases = section(*IN_PHASES).phases
    return params(
        phases=phases, weight_decay=0.1, save_every_steps=1, eval_every_steps=1, **changes
    )


def test_a_group_that_does_not_learn_stays_and_none_is_lost(tmp_path):
    made, looks = of_line(dev_wers=[0.9, 0.9, 0.9, 0.9, 0.1, 0.9, 0.9, 0.9])
    tensors = {}

    def watch(progress, saved):
        if saved:
            tensors[progress.step] = load_file(saved["checkpoint"])

    progress = train(made, in_phases(), 1, ALONE, tmp_path, watch)
    # Neither moments nor weight decay move it, before its phase and after.
    assert looks[0] == looks[2] == 0.0
    assert 0.0 != looks[3] != looks[4] != looks[5] == looks[7]
    # The best weights are of the second phase, also those that the third does not train.
    assert made.network.line.weight.item() == looks[4]
    kinds = {step: sorted(found) for step, found in tensors.items()}
    both = ["average/line.bias", "average/line.weight", "weight/line.bias", "weight/line.weight"]
    assert set(both) <= set(kinds[1]) and "exp_avg/line.weight" not in kinds[3]
    assert tensors[4]["step/line.weight"] == 1 and tensors[4]["step/line.bias"] == 4
    assert tensors[7]["step/line.weight"] == 3
    assert [row["step"] for row in progress.phase_rows] == [0, 3, 6]
    rates = [(row["phase"], row["lr_bias"], row["lr_line"]) for row in progress.train_rows]
    assert rates[2:5] == [(1, 0.1, 0.0), (2, 0.05, 0.05), (2, 0.1, 0.1)]
    assert progress.train_columns == (*TRAIN_COLUMNS, "phase", "lr_bias", "lr_line")


def test_the_norm_of_gradients_is_that_of_the_weights_that_learn(tmp_path):
    alone, _ = of_line()
    alone.summed_loss.line.weight.requires_grad_(False)
    expected = train(alone, params(max_steps=3), 1, ALONE, tmp_path / "alone")
    got = train(of_line()[0], in_phases(), 1, ALONE, tmp_path / "phases")
    norms = [[row["grad_norm"] for row in run.train_rows[:3]] for run in (got, expected)]
    assert norms[0] == norms[1]


@pytest.mark.parametrize("kill_at_look", range(2, 9))
def test_killed_in_any_phase_it_ends_in_the_same_bits(tmp_path, kill_at_look):
    changes = in_phases(average_decay=0.9)
    whole, looks = of_line()
    expected = train(whole, changes, 1, ALONE, tmp_path / "whole")
    killed, _ = of_line(kill_at_look)
    with pytest.raises(KilledError):
        train(killed, changes, 1, ALONE, tmp_path / "killed")
    resumed, more = of_line()
    got = train(resumed, changes, 1, ALONE, tmp_path / "killed")
    assert (got.train_rows, got.phase_rows) == (expected.train_rows, expected.phase_rows)
    assert got.train_columns == expected.train_columns
    assert more == looks[kill_at_look - 1 :]


def test_the_log_has_each_switch_and_a_step_before_it(tmp_path, capsys):
    seen = []

    def watch(progress, saved):
        if progress.phase_rows and progress.phase_rows[-1]["step"] == progress.step:
            seen.append(progress.step)

    progress = train(of_line()[0], in_phases(log_every_steps=5), 1, ALONE, tmp_path, watch)
    assert seen == [0, 3, 6]
    # A row never mixes two phases.
    assert [(row["step"], row["phase"]) for row in progress.train_rows] == [
        (3, 1), (5, 2), (6, 2), (8, 3)
    ]  # fmt: skip
    said = capsys.readouterr().out
    assert "phase 2 of 3 from step 3, lr: bias 0.1, line 0.1" in said


def test_without_phases_the_curves_have_no_more_columns(tmp_path):
    progress = train(of_line()[0], params(), 1, ALONE, tmp_path)
    assert progress.train_columns == TRAIN_COLUMNS
    assert progress.phase_rows == []
    factor, _ = of_line()
    factor.rate_factors = {"bias": 0.5}
    progress = train(factor, params(), 1, ALONE, tmp_path / "factor")
    assert progress.train_columns == (*TRAIN_COLUMNS, "lr_bias", "lr_line")


def test_what_never_learns_is_not_stored(tmp_path):
    only_bias = section(phase(0, "bias")).phases
    train(of_line()[0], params(phases=only_bias, save_every_steps=2), 1, ALONE, tmp_path)
    state = load_file(max(tmp_path.glob("step-*")) / "state.safetensors")
    assert not [name for name in state if name.endswith("line.weight")]


def test_sharded_weights_take_one_phase(params_yaml, monkeypatch, tmp_path):
    phases = [FIRST, phase(9, "encoder")]
    sharded = {"machine.num_processes": 2, "machine.shard_weights": True}
    params_yaml(sharded | {"train.phases": phases})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=r"machine.shard_weights: expected false with more than one"
    ):
        train_stage(*map(Path, ("base", "prepared", "train", "replay", "dev", "noise", "out",
                                "curves", "train.json")))  # fmt: skip


@pytest.fixture
def tiny_whisper(made_once):
    write = lambda folder: WHISPER.write_base(folder / "base")  # noqa: E731
    return made_once("tiny-whisper", write) / "base"


@pytest.mark.integration
@pytest.mark.parametrize("checkpointing", [False, True])
def test_backward_ends_where_the_lower_encoder_is_frozen(tiny_whisper, tmp_path, checkpointing):
    phases = section(phase(0, "decoder"), phase(1, "encoder.upper"), phase(2, "encoder")).phases
    trainee = WHISPER.trainee(tiny_whisper, gradient_checkpointing=checkpointing)
    steps = []

    def first(module, _):
        steps.append([])

    def note(module, inputs, output):
        if torch.is_grad_enabled():
            steps[-1].append(output.requires_grad)

    encoder = trainee.network.model.encoder
    encoder.layers[0].register_forward_pre_hook(first)
    for layer in encoder.layers:
        layer.register_forward_hook(note)
    changes = {"num_epochs": 3, "step_clips": 4, "eval_every_steps": 9, "phases": phases}
    train(task_of_family(WHISPER, trainee), WHISPER.params(**changes), 1, ALONE, tmp_path)
    learning = [step for step in steps if step]
    assert learning[0] == [False, False]
    assert [False, True] in learning[1:] and learning[-1][0]


@pytest.mark.integration
def test_the_recipe_of_a_second_round_starts_from_a_tuned_folder(
    tiny_whisper, params_yaml, tmp_path, monkeypatch
):
    path = params_yaml(read_yaml(ROOT / "recipes" / "round2.yaml"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_whisper, "models/round1")
    role = family_module("whisper", "base")
    block = load_block(Path("conf/models.yaml"), ("whisper", "round2"), role.Block)
    Path("weights").mkdir()
    Path("base").mkdir()
    role.bring_base(block, fetch_block(block, Path("weights")), Path("base"))
    training = family_module("whisper", "training")
    changes = {"step_clips": 2, "eval_every_steps": 4, "log_every_steps": 1, "warmup_steps": 0}
    read = load_params("train", TrainParams, path).model_copy(update=changes)
    own = load_family_params("whisper", "train", training.OwnParams, path)
    trainee = training.open_trainee(Path("base"), CPU, read, own)
    progress = train(task_of_family(WHISPER, trainee), read, 1, ALONE, tmp_path / "scratch")
    groups = ["decoder", "decoder, encoder.upper", "decoder, encoder"]
    assert [row["groups"] for row in progress.phase_rows] == groups
    rows = {row["phase"]: row for row in progress.train_rows}
    assert rows[2]["lr_encoder.lower"] == 0 < rows[3]["lr_encoder.lower"] < rows[3]["lr_decoder"]
    (tmp_path / "tuned").mkdir()
    trainee.save(tmp_path / "tuned")
    assert json.loads((tmp_path / "tuned/config.json").read_text())["model_type"] == "whisper"
