"""Several processes train as one: real ones, on the tiny Whisper."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from asr.core.errors import InputError
from asr.core.params import read_yaml
from asr.training.augmentation.examples import Example, Piece
from asr.training.distributed.processes import Processes, join_processes
from asr.training.distributed.sharding import check_shardable
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch
from tests.tiny_whisper import write_transformers
from tests.train_tiny import train_tiny

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")


def batch(*indices):
    examples = tuple(Example((Piece(i, 1.0, 0.0),), 1.0, i) for i in indices)
    return TrainingBatch(examples, 1.28, zeros=False)


def indices(batches):
    return [[example.pieces[0].index for example in batch.examples] for batch in batches]


def test_whole_batches_are_shared_out_and_the_last_by_examples():
    batches = [batch(0, 1), batch(2), batch(3, 4, 5)]
    shares = [Processes(rank, 2, CPU).share(batches) for rank in (0, 1)]
    assert [indices(share) for share in shares] == [[[0, 1], [3, 5]], [[2], [4]]]


def test_a_lone_process_has_it_all_and_who_has_nothing_has_no_batch():
    batches = [batch(0, 1), batch(2)]
    assert Processes(0, 1, CPU).share(batches) == batches
    assert Processes(2, 3, CPU).share([batch(0, 1)]) == []


def test_an_equal_share_has_part_of_every_batch_and_small_ones_are_computed_by_all():
    batches = [batch(0, 1, 2), batch(3)]
    shares = [Processes(rank, 2, CPU).equal_share(batches) for rank in (0, 1)]
    assert [indices(part for part, _ in share) for share in shares] == [[[0, 2], [3]], [[1], [3]]]
    assert [[weight for _, weight in share] for share in shares] == [[1.0, 0.5], [1.0, 0.5]]


def test_another_number_of_processes_than_asked_for_is_refused():
    with pytest.raises(InputError, match="num_processes: expected 2, torchrun started 1"):
        join_processes(CPU, 2)


def test_a_macs_one_gpu_takes_one_process(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"expected 1 with machine\.device mps, got 2"):
        join_processes(torch.device("mps"), 2)


def test_sharded_weights_need_one_phase_and_no_fp16():
    check_shardable(train_params(precision="bf16"))
    with pytest.raises(InputError, match=r"train\.precision fp32 or bf16, got fp16"):
        check_shardable(train_params(precision="fp16"))
    phases = [{"from_step": 0, "groups": ["decoder"]}, {"from_step": 5, "groups": ["encoder"]}]
    with pytest.raises(InputError, match=r"false with more than one of train\.phases, got true"):
        check_shardable(train_params(phases=phases))


def train_params(**changed):
    return TrainParams.model_validate({**read_yaml(ROOT / "params.yaml")["train"], **changed})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_transformers(folder)
    return folder


def trained(model, folder, runs, event="none"):
    """Exit status and words of two processes."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.train_tiny", "--model", model, "--folder", folder,
         "--num-processes", "2", "--event", event, "--runs", runs],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def trained_alone(model, folder, run):
    """Results of this process, which forgets how it had to compute for that."""
    deterministic, num_threads = (
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
    )
    try:
        train_tiny(model, folder, 1, "none", run)
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.set_num_threads(num_threads)
    return results(folder / run)


def results(folder):
    return json.loads((folder / "progress.json").read_text()), load_file(
        folder / "weights.safetensors"
    )


def assert_alike(ours, theirs):
    (ours, our_weights), (theirs, their_weights) = ours, theirs
    for our_row, their_row in zip(ours["train_rows"], theirs["train_rows"], strict=True):
        assert our_row == pytest.approx(their_row, rel=1e-4)
    assert ours["dev_rows"] == theirs["dev_rows"]
    for name, weight in their_weights.items():
        torch.testing.assert_close(our_weights[name], weight, rtol=1e-3, atol=1e-4)


def assert_goes_on(model, folder, run, expected):
    """Run again, two processes take up what they saved and end in the same bits."""
    status, words = trained(model, folder, run)
    assert status == 0, words
    assert words.count("resuming after step") == 1
    progress, weights = results(folder / run)
    assert progress == expected[0]
    assert all(torch.equal(weight, expected[1][name]) for name, weight in weights.items())


@pytest.fixture(scope="module")
def two(model, tmp_path_factory):
    """What two processes reach, by run; in the first, one of them runs out of memory once."""
    folder, runs = tmp_path_factory.mktemp("two"), ("lora-whole", "full-parts", "lora-parts")
    status, words = trained(model, folder, ",".join(runs))
    assert status == 0, words
    # Both have the lower limit, and both went on.
    assert words.count("out of memory: batches above") == 1
    # The tiny model's layers are less than a hundredth of it, the embedding is the rest.
    assert "each of 2 processes holds 99.6% of the weights" in words
    return {run: results(folder / run) for run in runs}


@pytest.mark.integration
def test_two_processes_learn_what_one_does(model, two, tmp_path):
    one = trained_alone(model, tmp_path, "lora-whole")
    assert len(one[0]["train_rows"]) == 6
    assert one[0]["train_rows"][-1]["loss"] < one[0]["train_rows"][0]["loss"]
    assert_alike(two["lora-whole"], one)


@pytest.mark.integration
def test_two_processes_with_parts_of_the_layers_learn_the_same(model, two, tmp_path):
    assert_alike(two["full-parts"], trained_alone(model, tmp_path, "full-whole"))
    assert_alike(two["lora-parts"], two["lora-whole"])


@pytest.mark.integration
def test_sigterm_to_one_saves_once_for_all_and_they_go_on(model, two, tmp_path):
    status, words = trained(model, tmp_path, "lora-whole", "sigterm")
    assert status == 143, words
    assert words.count("stopped: saved after step") == 1
    assert len(list((tmp_path / "lora-whole" / "scratch").glob("step-*"))) == 1
    assert_goes_on(model, tmp_path, "lora-whole", two["lora-whole"])


@pytest.mark.slow
def test_parts_are_saved_whole_and_taken_up_again(model, two, tmp_path):
    status, words = trained(model, tmp_path, "full-parts", "sigterm")
    assert status == 143, words
    (checkpoint,) = (tmp_path / "full-parts" / "scratch").glob("step-*")
    saved = load_file(checkpoint / "state.safetensors")
    for name, weight in two["full-parts"][1].items():
        assert saved[f"weight/{name}"].shape == saved[f"exp_avg/{name}"].shape == weight.shape
    assert_goes_on(model, tmp_path, "full-parts", two["full-parts"])


@pytest.mark.slow
def test_the_death_of_one_ends_all_with_its_name(model, tmp_path):
    status, words = trained(model, tmp_path, "lora-whole", "death")
    assert status == 1
    assert "process 1 of 2 ended with SIGKILL" in words


@pytest.mark.integration
def test_out_of_memory_with_parts_says_what_to_change(model, tmp_path):
    status, words = trained(model, tmp_path, "lora-parts", "out_of_memory")
    assert status == 1
    assert (
        "no process can halve a batch alone: expected a smaller train.batch_seconds, got 3.0"
        in words
    )
