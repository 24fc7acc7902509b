"""The loop on a model of two weights, whose every number can be checked by hand."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from torch import nn

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of
from asr.core.params import load_params
from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.training.augmentation.examples import TokenLimit
from asr.training.dev import DevError
from asr.training.distributed.processes import Processes
from asr.training.loop import train
from asr.training.params import JoinParams, SpeedChangeParams, TrainParams
from asr.training.plan import plan_steps
from asr.training.state.checkpoint import load_checkpoint
from asr.training.task import Task
from asr.training.update import Updater, parameter_groups
from tests.pipeline_repo import wait_for

ROOT = Path(__file__).parent.parent
ROOM = TokenLimit([1] * 8, lambda duration_s: 99, 30.0)
ALONE = Processes(0, 1, torch.device("cpu"))


def params(**changes):
    values = {
        "lr": 0.1, "warmup_steps": 0, "schedule": "constant", "num_epochs": 2, "min_hours": 0.0,
        "max_steps": 0,
        "batch_seconds": 4.0, "max_batch_clips": 2, "accumulation": 1, "eval_every_steps": 2,
        "log_every_steps": 1, "save_every_steps": 2, "precision": "fp32",
        "join": JoinParams(share=0.0, max_s=8.0, max_pause_s=0.0),
        "speed_change": SpeedChangeParams(most=0.0),
        "average_decay": 0.0, **changes,
    }  # fmt: skip
    return load_params("train", TrainParams, ROOT / "params.yaml").model_copy(update=values)


def seconds(duration_s):
    return duration_s + 0.28


def steps(**changes):
    return plan_steps(
        [1.0] * 8, ["be"] * 8, ROOM, lambda s: s + 0.6, None, params(**changes), seed=1
    )


class Batch(list):
    num_targets = property(len)


class SquaredLoss(nn.Module):
    """Sum over the batch of (weight x + bias - 2 x) squared."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(1, 1)
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.line.bias)

    def forward(self, batch):
        x = torch.tensor([float(i) for i in batch])[:, None]
        return ((self.line(x) - 2 * x) ** 2).sum()


class KilledError(Exception):
    pass


def task(dev_wers=(), kill_at_look=None, module=None):
    """A task over 8 clips of 1 s; dev reads ``dev_wers`` in turn, or dies at one look."""
    module = module or SquaredLoss()
    looks = []

    def evaluate_dev():
        looks.append(module.line.weight.item())
        if len(looks) == kill_at_look:
            raise KilledError
        return DevError(dev_wers[len(looks) - 1] if dev_wers else 1 / len(looks), 0.0)

    def collate(batch):
        return Batch(piece.index for example in batch.examples for piece in example.pieces)

    return Task(module, module, collate, [1.0] * 8, ["be"] * 8, ROOM, seconds, evaluate_dev), looks


def test_an_epoch_is_as_many_steps_as_batches():
    # 1.6 s are computed for a clip of 1 s: two clips fit 4 s.
    assert [epoch for epoch, _ in steps()] == [0] * 4 + [1] * 4
    assert len(steps(max_steps=3)) == 3
    assert len(steps(accumulation=2)) == 4


def test_a_step_of_a_number_of_clips_has_as_many_batches_as_hold_them():
    # Batches hold two clips, 16 clips in both epochs.
    counts = [[len(b.examples) for b in step] for _, step in steps(step_clips=5)]
    assert counts == [[2, 2, 1], [1, 2, 2], [2, 2, 1], [1]]


@pytest.mark.integration
def test_it_learns(tmp_path):
    made, _ = task()
    progress = train(made, params(num_epochs=20), 1, ALONE, tmp_path)
    assert progress.train_rows[-1]["loss"] < progress.train_rows[0]["loss"] / 10


@pytest.mark.integration
def test_the_weights_that_read_dev_best_are_handed_on(tmp_path):
    made, looks = task(dev_wers=[0.5, 0.2, 0.4, 0.3])
    progress = train(made, params(), 1, ALONE, tmp_path)
    assert (progress.best_step, progress.best) == (4, [0.2, 0.0])
    assert made.network.line.weight.item() == looks[1]
    assert [row["best"] for row in progress.dev_rows] == [1, 1, 0, 0]


@pytest.mark.integration
def test_checkpoints_and_best_weights_are_shown_with_file_and_hash(tmp_path):
    steps = []

    def watch(progress, saved):
        for name in ("checkpoint", "best_weights"):
            if name in saved:
                steps.append((name, progress.step))
                assert sha256_of(Path(saved[name])) == saved[f"{name}_sha256"]

    made, _ = task()
    train(made, params(save_every_steps=3), 1, ALONE, tmp_path, watch)
    assert [step for name, step in steps if name == "checkpoint"] == [3, 6]  # of 8
    assert ("best_weights", 2) in steps


@pytest.mark.integration
def test_what_is_handed_on_is_the_moving_average(tmp_path):
    steps_own, looks = task()
    train(steps_own, params(max_steps=3, eval_every_steps=1), 1, ALONE, tmp_path / "own")
    averaged, average_looks = task()
    train(averaged, params(max_steps=3, eval_every_steps=1, average_decay=0.5), 1, ALONE,
          tmp_path / "averaged")  # fmt: skip
    # The decay starts at 1/10, 2/11, 3/12 and has not yet reached the half.
    expected, average = [], 0.0
    for decay, weight in zip([1 / 10, 2 / 11, 3 / 12], looks, strict=True):
        average = decay * average + (1 - decay) * weight
        expected.append(average)
    assert average_looks == pytest.approx(expected)
    assert averaged.network.line.weight.item() == average_looks[-1]


@pytest.mark.integration
@pytest.mark.parametrize("kill_at_look", [1, 2, 3, 4])
def test_a_killed_run_ends_in_the_same_bits_as_one_that_was_not(tmp_path, kill_at_look):
    averaging = params(save_every_steps=1, average_decay=0.9)
    whole, _ = task(dev_wers=[0.5, 0.2, 0.4, 0.3])
    expected = train(whole, averaging, 1, ALONE, tmp_path / "whole")
    killed, _ = task(dev_wers=[0.5, 0.2, 0.4, 0.3], kill_at_look=kill_at_look)
    with pytest.raises(KilledError):
        train(killed, averaging, 1, ALONE, tmp_path / "killed")
    # Its last checkpoint was one step before the look it died at.
    resumed, _ = task(dev_wers=[0.5, 0.2, 0.4, 0.3][kill_at_look - 1 :])
    got = train(resumed, averaging, 1, ALONE, tmp_path / "killed")
    assert got == expected
    # Best weights that no checkpoint needs are gone; the two last checkpoints name one or two.
    assert len(list((tmp_path / "killed").glob("best-*"))) <= 2
    for ours, theirs in zip(resumed.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


KILLED = """
import sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from tests.test_training import ALONE, SquaredLoss, params, task
from asr.training.loop import train

class Large(SquaredLoss):
    def __init__(self):
        super().__init__()
        self.idle = torch.nn.Parameter(torch.zeros(5_000_000))

    def forward(self, batch):
        return super().forward(batch) + self.idle.sum() * 0

made, _ = task(module=Large())
steps = params(save_every_steps=1, average_decay=0.9, max_steps=6)
train(made, steps, 1, ALONE, Path(sys.argv[1]) / "scratch")
save_file(dict(made.network.state_dict()), Path(sys.argv[1]) / "weights")
"""


@pytest.mark.slow
def test_sigkill_while_a_checkpoint_is_written_costs_that_checkpoint_alone(tmp_path):
    def training(name):
        (tmp_path / name / "scratch").mkdir(parents=True, exist_ok=True)
        return subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / name], cwd=ROOT)

    def half_written():
        return list((tmp_path / "killed" / "scratch").glob(".step-*3.*.partial"))

    assert training("whole").wait(timeout=300) == 0
    with training("killed") as process:
        wait_for(half_written)
        process.kill()
    assert half_written(), "expected to have killed it while it saved"
    assert load_checkpoint(tmp_path / "killed" / "scratch").step == 2
    assert training("killed").wait(timeout=300) == 0
    assert (tmp_path / "killed/weights").read_bytes() == (tmp_path / "whole/weights").read_bytes()


@pytest.mark.integration
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_ctrl_c_save_at_once_and_the_next_run_resumes(tmp_path, stop):
    whole, _ = task()
    expected = train(whole, params(), 1, ALONE, tmp_path / "whole")
    warned, _ = task()
    collate, batches = warned.collate, []

    def collate_until_warned(batch):
        batches.append(batch)
        if len(batches) == 3:
            os.kill(os.getpid(), stop)
        return collate(batch)

    warned.collate = collate_until_warned
    with pytest.raises(SystemExit) as ended:
        train(warned, params(save_every_steps=100), 1, ALONE, tmp_path / "warned")
    assert ended.value.code == 128 + stop
    assert load_checkpoint(tmp_path / "warned").step == 3
    resumed, looks = task(dev_wers=[1 / 2, 1 / 3, 1 / 4])  # the first look was before the warning
    assert train(resumed, params(save_every_steps=100), 1, ALONE, tmp_path / "warned") == expected
    assert len(looks) == 3


def test_best_weights_that_are_damaged_are_trained_again(tmp_path):
    wers, every_step = [0.5, 0.2, 0.4, 0.3], params(save_every_steps=1)
    whole, _ = task(wers)
    expected = train(whole, every_step, 1, ALONE, tmp_path / "whole")
    killed, _ = task(wers, kill_at_look=3)
    with pytest.raises(KilledError):
        train(killed, every_step, 1, ALONE, tmp_path / "killed")
    best = max((tmp_path / "killed").glob("best-*"))
    best.write_bytes(best.read_bytes()[:-1] + b"\xff")
    resumed, _ = task(wers)  # from the start: both checkpoints refer to these weights
    assert train(resumed, every_step, 1, ALONE, tmp_path / "killed") == expected
    for ours, theirs in zip(resumed.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


class Faulty(SquaredLoss):
    """Its loss is no number in the steps ``faulty``, counted from 0."""

    def __init__(self, faulty):
        super().__init__()
        self.faulty, self.step = faulty, -1

    def forward(self, batch):
        self.step += 1
        return super().forward(batch) * (float("nan") if self.step in self.faulty else 1.0)


def test_a_step_that_is_not_finite_is_skipped_and_counted(tmp_path, capsys):
    made, looks = task(module=Faulty({2}))
    progress = train(made, params(eval_every_steps=1), 1, ALONE, tmp_path)
    assert looks[2] == looks[1]  # the third step changed nothing
    assert len(set(looks)) == 7
    assert (progress.num_skipped, progress.num_skipped_in_a_row) == (1, 0)
    assert [row["step"] for row in progress.train_rows] == [1, 2, 4, 5, 6, 7, 8]
    assert progress.train_rows[-1]["skipped"] == 1
    written = "".join(capsys.readouterr())
    assert "step 3: loss nan, gradient norm nan on lines [" in written
    assert "1 of 8 steps were not finite" in written


def test_a_gradient_that_is_not_finite_is_skipped(tmp_path):
    class Steep(SquaredLoss):
        def forward(self, batch):
            loss = super().forward(batch)
            loss.register_hook(lambda gradient: gradient * float("inf"))
            return loss

    made, looks = task(module=Steep())
    progress = train(made, params(max_steps=2), 1, ALONE, tmp_path)
    assert (looks, progress.num_skipped) == ([0.0], 2)


def test_a_run_of_them_ends_training_with_the_last_checkpoint(tmp_path):
    made, _ = task(module=Faulty(range(3, 9)))
    with pytest.raises(
        InputError,
        match=r"step 6: .*max_skipped_steps 3 in a row; the checkpoint step-00000004 stays",
    ):
        train(made, params(max_skipped_steps=3), 1, ALONE, tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    assert (checkpoint.step, checkpoint.state["num_skipped_in_a_row"]) == (4, 1)
    assert checkpoint.tensors["weight/line.weight"].isfinite().all()
    # The count goes on where the checkpoint was.
    resumed, _ = task(module=Faulty(range(9)))
    with pytest.raises(InputError, match="step 6: "):
        train(resumed, params(max_skipped_steps=3), 1, ALONE, tmp_path)


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    class Broken(SquaredLoss):
        def forward(self, batch):
            self.steps = getattr(self, "steps", 0) + 1
            if self.steps == 3:
                self.line.bias.data.fill_(float("inf"))
                return super().forward(batch) * 0 + 0 * self.line.weight.sum()
            return super().forward(batch)

    made, _ = task(module=Broken())
    with pytest.raises(InputError, match=r"max_skipped_steps 2 in a row|expected finite numbers"):
        train(made, params(max_skipped_steps=2, save_every_steps=1), 1, ALONE, tmp_path)
    assert load_checkpoint(tmp_path).step == 2
    for path in tmp_path.glob("best-*"):
        assert all(tensor.isfinite().all() for tensor in load_file(path).values())


def test_each_step_has_a_seed_of_its_own(tmp_path):
    """With one seed for all steps, dropout would drop the same units throughout."""
    draws = []

    class Drawing(SquaredLoss):
        def forward(self, batch):
            draws.append(torch.rand(()).item())
            return super().forward(batch)

    made, _ = task(module=Drawing())
    train(made, params(), 1, ALONE, tmp_path)
    assert len(set(draws)) == len(draws) == 8


class Hungry(SquaredLoss):
    """Takes 256 MiB for each clip of a batch."""

    def forward(self, batch):
        torch.empty(len(batch), 2**28, dtype=torch.uint8)
        return super().forward(batch)


@pytest.fixture
def little_memory():
    """700 MiB of address space more than there is in use: the allocator itself refuses."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 700 * 2**20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.integration
def test_what_does_not_fit_the_memory_is_computed_in_halves(tmp_path, little_memory):
    steps = {"max_steps": 2, "max_batch_clips": 8, "batch_seconds": 99.0}
    plenty, _ = task()
    expected = train(plenty, params(**steps), 1, ALONE, tmp_path / "a" / "plenty")
    hungry, _ = task(module=Hungry())
    got = train(hungry, params(**steps), 1, ALONE, tmp_path / "b" / "hungry")
    # 8 clips of 1.28 s want 2 GiB, 4 want 1 GiB, 2 fit.
    assert list(read_json(tmp_path / "b" / "batch_limits.json").values()) == pytest.approx([2.56])
    for ours, theirs in zip(got.train_rows, expected.train_rows, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.integration
def test_one_clip_that_does_not_fit_is_named(tmp_path, little_memory):
    class Insatiable(SquaredLoss):
        def forward(self, batch):
            torch.empty(2**30, dtype=torch.uint8)
            return super().forward(batch)

    made, _ = task(module=Insatiable())
    with pytest.raises(InputError, match="out of memory with one clip"):
        train(made, params(), 1, ALONE, tmp_path / "insatiable")


@pytest.fixture
def scaled_loss(monkeypatch):
    """The loss of fp16 is scaled on a CPU too."""
    real = Accelerator.__init__

    def with_scaler(self, *args, **given):
        real(self, *args, **given)
        self.scaler, self.native_amp = torch.amp.GradScaler("cpu"), True

    monkeypatch.setattr(Accelerator, "__init__", with_scaler)
    AcceleratorState._reset_state()  # it knows one precision a process
    yield
    AcceleratorState._reset_state()


@pytest.mark.integration
def test_in_fp16_a_resumed_run_goes_on_with_the_scale_that_it_had(tmp_path, scaled_loss):
    half = params(precision="fp16", num_epochs=8, save_every_steps=16, eval_every_steps=8, lr=0.01)
    dev_wers = [0.4, 0.3, 0.2, 0.1]
    whole, _ = task(dev_wers)
    expected = train(whole, half, 1, ALONE, tmp_path / "whole")
    assert 0 < expected.num_skipped < 16  # the first scale is too large
    killed, _ = task(dev_wers, kill_at_look=3)
    with pytest.raises(KilledError):
        train(killed, half, 1, ALONE, tmp_path / "killed")
    resumed, _ = task(dev_wers[2:])
    got = train(resumed, half, 1, ALONE, tmp_path / "killed")
    assert got.num_skipped == expected.num_skipped
    assert resumed.network.line.weight.item() == whole.network.line.weight.item()


def test_in_fp16_a_process_may_have_no_clip_in_its_first_step(tmp_path, scaled_loss):
    updater = Updater(task()[0], params(precision="fp16"), ALONE, tmp_path / "limits.json")
    for weight in updater.weights.values():
        weight.grad = torch.full_like(weight, 2.0**16)  # the sum of the others'
    norm = updater.accelerator.clip_grad_norm_(list(updater.weights.values()), 9.0)
    assert norm == pytest.approx(2**0.5)  # of two weights, unscaled by 2 ** 16


def test_weight_decay_is_for_matrices_alone():
    sizes = {"q.weight": (2, 2), "q.bias": (2,), "attention.bias_u": (2, 2), "norm.weight": (2,),
             "conv.parametrizations.weight.original0": (1, 1, 2),
             "conv.parametrizations.weight.original1": (2, 2, 2)}  # fmt: skip
    weights = {name: nn.Parameter(torch.ones(size)) for name, size in sizes.items()}
    groups = parameter_groups(weights, 0.1, dict.fromkeys(weights, "all"))
    decayed = [one for group in groups if group["weight_decay"] for one in group["params"]]
    assert [name for name, one in weights.items() if any(one is w for w in decayed)] == [
        "q.weight", "conv.parametrizations.weight.original1",
    ]  # fmt: skip


@pytest.mark.integration
def test_two_half_batches_make_the_step_of_one(tmp_path):
    whole, _ = task()
    halves, _ = task()
    one = train(whole, params(max_steps=1, max_batch_clips=8, batch_seconds=99.0), 1, ALONE,
                tmp_path / "one")  # fmt: skip
    two = train(halves, params(max_steps=1, max_batch_clips=4, batch_seconds=99.0, accumulation=2),
                1, ALONE, tmp_path / "two")  # fmt: skip
    assert one.train_rows[0]["loss"] == pytest.approx(two.train_rows[0]["loss"], rel=1e-5)
    assert one.train_rows[0]["grad_norm"] == pytest.approx(two.train_rows[0]["grad_norm"], rel=1e-5)


@pytest.mark.integration
def test_a_step_of_six_clips_stays_one_where_memory_holds_two(tmp_path, little_memory):
    roomy, _ = task()
    tight, _ = task(module=Hungry())
    six = params(max_steps=1, step_clips=6, batch_seconds=99.0, max_batch_clips=8)
    one = train(roomy, six, 1, ALONE, tmp_path / "roomy")
    halved = train(tight, six, 1, ALONE, tmp_path / "tight")
    assert one.train_rows[0]["audio_s"] == halved.train_rows[0]["audio_s"] == 6.0
    assert halved.train_rows[0]["loss"] == pytest.approx(one.train_rows[0]["loss"], rel=1e-5)


def test_a_device_that_is_not_there_is_refused():
    wanted = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(InputError, match=rf"machine.device: {wanted} is not on this machine"):
        use_machine(
            MachineParams(
                device=wanted,
                num_threads=torch.get_num_threads(),
                num_processes=1,
                shard_weights=False,
            )
        )
