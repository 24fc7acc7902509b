# python -m pytest tests/test_plan.py    (a minute more with -m slow)
"""A plan: its clips, devices, changes and page; and the command."""

import datetime
import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from asr.core.errors import InputError
from asr.core.params import load_params
from asr.devices.params import MachineParams
from asr.experiments.recipes import Combined, add_options, combine, edited
from asr.planning import devices, estimate
from asr.planning.clips import planned_clips
from asr.planning.devices import Device, MemoryParams, measured_cpu, read_devices
from asr.planning.estimate import THIS_CPU, device_rows
from asr.planning.memory import (
    Variant,
    changed,
    changes,
    cheapest_by_size,
    memory_parts,
    shardings,
)
from asr.planning.planned_run import Configuration, WeightBytes, shares_of
from asr.planning.step_cost import BatchCost
from asr.training.augmentation.examples import Example
from asr.training.params import PhaseParams, TrainParams
from asr.training.plan import TrainingBatch
from asr.training.replay import ReplayParams
from asr.utterances.utterance import write_manifest
from benchmarks.planning import TRIALS, evaluated
from benchmarks.planning_table import planning_table
from commands.plan import main
from tests.examples import utterance
from tests.pipeline_repo import ROOT
from tests.tiny_families import WHISPER

ALONE = MachineParams(device="cpu", num_threads=2, num_processes=1, shard_weights=False)
NO_REPLAY = ReplayParams(share=0.0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty repository with this one's params and conf."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    return tmp_path


def test_devices_have_prices_with_dates_and_sources():
    found = read_devices(ROOT / "conf/devices.yaml")
    assert {one.memory_gb for one in found.devices.values()} >= {8, 24, 80}
    prices = [one.price for one in found.devices.values() if one.price]
    assert all(datetime.date(2022, 1, 1) < one.date for one in prices)


@pytest.mark.parametrize(
    ("line", "other", "fault"),
    [
        ("memory_gb: 8\n", "memory_gb: much\n", "devices.RTX 3070.memory_gb"),
        ("memory_gb: 8\n", "memori_gb: 8\n", "devices.RTX 3070.memori_gb"),
        (
            "usd_per_hour: 0.34, date: 2026-03-10",
            "usd_per_hour: 0.34, date: soon",
            "RTX 4090.price",
        ),
        ("share_of_peak: 0.4\n", "share_of_peak: 40\n", "devices.RTX 3070.share_of_peak"),
    ],
)
def test_a_wrong_devices_file_is_refused_with_the_key(tmp_path, line, other, fault):
    path = tmp_path / "devices.yaml"
    path.write_text((ROOT / "conf/devices.yaml").read_text().replace(line, other))
    with pytest.raises(InputError, match=r"devices\.yaml: ") as error:
        read_devices(path)
    assert fault in str(error.value)


def test_a_device_takes_time_for_arithmetic_memory_and_operations():
    device = read_devices(ROOT / "conf/devices.yaml").devices["RTX 4090"]
    work = BatchCost(flops=165.2e12, bytes_moved=1008e9, num_operations=1e5, peak_bytes=0.0)
    # One second each at the peak, of which 0.4 is reached; 100,000 operations of 10 µs.
    assert device.seconds(work, "bf16") == pytest.approx(1 / 0.4 + 1 / 0.4 + 1.0)
    assert device.seconds(work, "fp32") == pytest.approx(2 / 0.4 + 1 / 0.4 + 1.0)


def test_the_cpu_is_measured_with_the_threads_of_the_run(monkeypatch):
    before, seen = torch.get_num_threads(), []
    for name in ("peak_gflops", "bandwidth_gb_s", "operation_us"):
        rate = lambda clock: float(seen.append(torch.get_num_threads()) is None)  # noqa: E731
        monkeypatch.setattr(devices, name, rate)
    measured_cpu(8.0, 1.0, before + 1)
    assert (seen, torch.get_num_threads()) == ([before + 1] * 3, before)


def test_clips_come_from_the_manifests(here):
    (here / "data/manifests").mkdir(parents=True)
    for name, count in (("train", 3), ("dev", 2), ("test", 1)):
        ones = [utterance(f"{name}{n}", duration_s=2.0) for n in range(count)]
        write_manifest(here / f"data/manifests/{name}.jsonl", ones)
    found = planned_clips(NO_REPLAY, 14.0, 30.0)
    assert (len(found.train), len(found.dev), found.share) == (3, 2, 1.0)
    assert (found.seconds, found.all_seconds) == (6.0, 12.0)


def test_without_manifests_there_are_as_many_clips_as_the_metrics_count(here):
    (here / "metrics").mkdir()
    split = {"num_utterances": 40, "seconds": 100.0, "num_utterances_by": {"language": {"be": 40}}}
    (here / "metrics/data.json").write_text(
        json.dumps({"splits": {"train": split, "dev": split, "test": split}})
    )
    found = planned_clips(NO_REPLAY, 14.0, 30.0)
    assert len(found.train) == 40
    assert sum(one.duration_s for one in found.train) == pytest.approx(100.0, rel=0.01)
    one = found.train[20]
    assert len(one.text) == pytest.approx(14 * one.duration_s, abs=1.5)
    assert set(one.text) <= set("абвгдежзклмнопрстуфхцчшёійўыьэюя ")


def test_many_clips_are_planned_with_fewer_that_stand_for_several(here):
    found = planned_clips(NO_REPLAY, 14.0, 30.0, hours=100.0)
    assert len(found.train) == 20_000
    assert found.share * len(found.train) == pytest.approx(100 * 3600 / 5)


def test_clips_that_are_nowhere_are_a_clear_error(here):
    with pytest.raises(InputError, match=r"metrics/data.json: no such file, and no .*--hours"):
        planned_clips(NO_REPLAY, 14.0, 30.0)
    (here / "metrics").mkdir()
    (here / "metrics/data.json").write_text('{"splits": {"train": {}}}')
    with pytest.raises(
        InputError, match=r"metrics/data\.json: splits\.train: expected num_utterances"
    ):
        planned_clips(NO_REPLAY, 14.0, 30.0)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["nothing"], r"recipes/nothing.yaml: no such recipe"),
        (["-S", "train.lr"], r"-S: expected section.key=value, got 'train.lr'"),
        (["-S", "train.lr=fast"], r"-S: train.lr: "),
        (["-S", "train.rate=1"], r"-S: train.rate: "),
        ([], r"metrics/data.json: no such file"),
    ],
)
def test_wrong_words_are_a_clear_error(here, words, fault):
    with pytest.raises(SystemExit, match=f"plan: {fault}"):
        main(words)


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf"])
def test_hours_are_a_number_above_0(hours, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([f"--hours={hours}"])
    assert f"--hours: expected a number above 0, got {hours}" in capsys.readouterr().err


def test_values_of_the_command_line_come_after_those_of_recipes(here):
    combined = combine(["whisper_lora"])
    add_options(combined, ["train.lr=1e-5", "train.accumulation=4"])
    content, _ = edited(combined)
    assert (content["train"]["lr"], content["train"]["accumulation"]) == (1e-5, 4)
    assert content["train"]["tune"] == "lora"
    assert isinstance(combined, Combined)


# 100 bytes of weights: 60 in layers, of which the largest has 20; all learn.
WEIGHTS = WeightBytes(100, 100, 60, 60, 20)


def processes(count, shard_weights=False):
    return ALONE.model_copy(update={"num_processes": count, "shard_weights": shard_weights})


def memory_of(peak_bytes, machine, weights=WEIGHTS, accumulates=False):
    params = MemoryParams(context_gb=0.0, allocator_share=0.1)
    return memory_parts(weights, peak_bytes, params, machine, accumulates=accumulates)


def test_memory_by_hand():
    assert [*memory_of(1000.0, ALONE).values()] == [100, 0, 300, 1000, 100, 0]
    parts = memory_of(1000.0, ALONE, accumulates=True)
    assert [*parts.values()] == [100, 100, 300, 1000, 100, 0]
    # Of each two, 40 + 60/2 weights and 2 x 20 gathered.
    parts = memory_of(500.0, processes(2, True), accumulates=True)
    assert [*parts.values()] == [110, 70, 210, 500, 50, 0]


def test_processes_add_up_gradients_in_a_copy_which_may_take_more_than_a_batch():
    parts = memory_of(150.0, processes(2))
    assert parts["sum of gradients"] == 100 + 100
    parts = memory_of(10.0, processes(2), accumulates=True)
    assert (parts["gradients"], parts["sum of gradients"]) == (100, 100)
    # Only 40 learn outside of layers.
    parts = memory_of(10.0, processes(2, True), accumulates=True)
    assert (parts["gradients"], parts["sum of gradients"]) == (70, 40)


def test_dev_takes_all_layers_which_may_be_more_than_a_batch():
    adapter = WeightBytes(100, 10, 60, 10, 20)
    parts = memory_of(20.0, processes(2, True), adapter)
    # 40, two halves of 60 and the rest of 60; the average, two moments and a copy of 10/2.
    assert sum(parts.values()) == 40 + 30 + 60 + 4 * 5 + 0.1 * parts["transcribing dev"]


def batch_of(*indices):
    return TrainingBatch([Example((), 1.0, seed) for seed in indices], 1.0, zeros=False)


@pytest.mark.parametrize(
    ("machine", "seeds"),
    [
        (ALONE, [[[0, 1, 2], [3, 4], [5, 6]]]),
        # The first two batches are whole, the last one is divided.
        (processes(2), [[[0, 1, 2], [5]], [[3, 4], [6]]]),
        (processes(2, True), [[[0, 2], [3], [5]], [[1], [4], [6]]]),
    ],
)
def test_a_process_computes_its_share_of_a_step(machine, seeds):
    shares = shares_of([[batch_of(0, 1, 2), batch_of(3, 4), batch_of(5, 6)]], machine)
    found = [[[one.seed for one in batch.examples] for batch in share] for share in shares]
    assert found == seeds


def test_processes_divide_the_hours_and_not_the_price(monkeypatch):
    conf = read_devices(ROOT / "conf/devices.yaml")
    cpu = Device(**{**dict(conf.devices["RTX 4090"]), "price": None})
    monkeypatch.setattr(estimate, "measured_cpu", lambda *_: cpu)
    monkeypatch.setattr(estimate, "num_cores", lambda: 4)
    train = load_params("train", TrainParams, ROOT / "params.yaml")
    clips = SimpleNamespace(dev=[utterance("a"), utterance("b")])
    # An hour, by 0.4 of the peak; and a half, times dev_clip 1.85, for 2 s of dev after 4 s.
    cost = SimpleNamespace(work=BatchCost(0.4 * 82.6e12 * 3600, 0.0, 0.0, 0.0))
    rows = {}
    for count in (1, 4):
        config = Configuration("whisper", "tiny", train, None, 1, processes(count))
        run = SimpleNamespace(config=config, clips=clips, steps=[[batch_of(1, 2, 3, 4)]])
        run.num_steps = 1
        for row in device_rows(run, cost, {"weights": 3e9, "CUDA": 1e9}, conf):
            rows[row.name, count] = row
    one, four = rows["RTX 4090", 1], rows["RTX 4090", 4]
    assert (one.train_hours, one.dev_hours) == pytest.approx((1.0, 0.925))
    assert (four.train_hours, four.dev_hours) == pytest.approx((1.0 / 4, 0.925 / 4))
    assert one.usd == four.usd == pytest.approx(1.925 * 0.34)
    assert (one.needed_gb, four.needed_gb) == (4.0, 4.0)
    # Four cores have room for two processes of two threads; its memory holds all four.
    assert rows[THIS_CPU, 4].hours == pytest.approx(1.925 / 2)
    assert (rows[THIS_CPU, 1].needed_gb, rows[THIS_CPU, 4].needed_gb) == (3.0, 12.0)


def test_changes_are_tried_from_the_cheapest():
    train = load_params("train", TrainParams, ROOT / "params.yaml")
    found = changes(train)
    assert found[:3] == [
        {"train.precision": "bf16"},
        {"train.batch_seconds": 16.0, "train.accumulation": 2},
        {"train.precision": "bf16", "train.batch_seconds": 16.0, "train.accumulation": 2},
    ]
    assert found[-1].keys() == {
        "train.precision", "train.batch_seconds", "train.accumulation",
        "train.gradient_checkpointing", "train.tune",
    }  # fmt: skip
    assert {"train.tune": "lora"} in found
    other = {"precision": "bf16", "gradient_checkpointing": True, "tune": "lora", "step_clips": 64}
    assert changes(train.model_copy(update=other)) == [
        {"train.batch_seconds": 16.0},
        {"train.batch_seconds": 8.0},
    ]


@pytest.mark.parametrize(
    ("machine", "counts"),
    [
        (ALONE, [2, 4, 8]),
        (processes(3), [3, 4, 8]),
        (processes(4, True), [8]),
        (processes(8, True), []),
    ],
)
def test_weights_are_sharded_over_no_fewer_processes_than_there_are(machine, counts):
    found = [one["machine.num_processes"] for one in shardings(machine)]
    assert found == counts


def test_no_change_is_tried_that_training_refuses():
    train = load_params("train", TrainParams, ROOT / "params.yaml")
    config = Configuration("ctc", "tiny", train, None, 1, ALONE)
    two_phases = [PhaseParams(from_step=start, groups=["head"]) for start in (0, 40)]
    [sharded, *_] = shardings(ALONE)
    assert changed(config, sharded).machine == processes(2, True)
    for refused in ({"precision": "fp16"}, {"phases": two_phases}):
        other = replace(config, train=train.model_copy(update=refused))
        assert changed(other, {}) == other
        assert changed(other, sharded) is None


def test_the_cheapest_change_that_fits_is_named():
    itself = Variant({}, 30.0, 1.0, 1)
    half = Variant({"train.precision": "bf16"}, 20.0, 1.0, 1)
    lora = Variant({"train.tune": "lora"}, 10.0, 0.8, 1)
    found = cheapest_by_size([itself, half, lora])
    assert found == {8: None, 24: half, 80: itself}
    assert cheapest_by_size([replace(itself, gb=7.0)])[8].changes == {}


def row(family, computed_s, measured_s, predicted_mb=100.0):
    return {
        "family": family, "kind": "", "weights_m": 1.5, "changes": {"tune": "lora"}, "wider": False,
        "computed_s": computed_s, "measured_s": measured_s, "predicted_mb": predicted_mb,
        "measured_mb": 100.0, "dev_over_train": 0.5,
    }  # fmt: skip


def test_the_first_run_of_a_family_calibrates_and_the_others_are_compared():
    rows = [row("a", 1.0, 2.0), row("a", 3.0, 5.0), row("b", 1.0, 1.0), row("b", 2.0, 2.0, 90.0)]
    result = evaluated(rows)
    assert result["calibration"]["a"] == {"time_factor": 2.0, "dev_clip": 0.5}
    assert [one["time_error"] for one in result["rows"]] == [0.2, 0.0]
    assert result["errors"]["memory"] == {"median": 0.05, "worst": -0.1}
    assert result["errors"]["time"] == {"median": 0.1, "worst": 0.2}
    assert planning_table(result).splitlines()[2:] == [
        "| a, 1.5 M weights | `train.tune` lora | 6.00 | 5.00 | +20% | 100 | 100 | +0% |",
        "| b, 1.5 M weights | `train.tune` lora | 2.00 | 2.00 | +0% | 90 | 100 | -10% |",
        "",
        "Error of the time: 10% in the median, +20% at worst.",
        "Error of the memory: 5% in the median, -10% at worst.",
    ]


def test_the_benchmark_compares_at_least_eight_configurations_of_three_families():
    families = [trial.family for trial in TRIALS]
    assert len(set(families)) >= 3
    assert len(families) - len(set(families)) >= 8


@pytest.mark.integration
def test_the_command_plans_the_tiny_model_and_writes_a_page(here, capsys):
    assert main(["-S", "model.name=random", "--hours", "0.05"]) == 0
    printed, page = capsys.readouterr().out, (here / "PLANNING.md").read_text()
    assert "this CPU" in printed
    assert "- **8 GB**: fits as it is" in page
    gpu = next(line for line in page.splitlines() if line.startswith("| RTX 4090"))
    assert gpu.endswith("| unmeasured |")
    for words in (
        "training's checkpoints",
        "USD a month",
        "whisper.random",
        "-S machine.shard_weights=true",
        "`machine.num_threads` 2",
    ):
        assert words in page


def test_a_run_that_training_refuses_is_not_planned(here):
    words = ["ctc", "-S", "machine.num_processes=2", "-S", "machine.shard_weights=true"]
    with pytest.raises(SystemExit, match=r"plan: machine\.shard_weights: expected false with more"):
        main(words)


@pytest.mark.integration
def test_the_whole_page_counts_the_processes_that_there_are(here, monkeypatch):
    some = read_devices(ROOT / "conf/devices.yaml").devices["RTX 3070"]
    monkeypatch.setattr(estimate, "measured_cpu", lambda *_: some)
    values = ["model.name=random", "train.min_hours=0.0", "train.num_epochs=1",
              "machine.num_processes=4", "machine.shard_weights=true"]  # fmt: skip
    assert main(["--hours=0.02", *(word for value in values for word in ("-S", value))]) == 0
    page = (here / "PLANNING.md").read_text()
    [needed] = re.findall(r"^\| RTX 4090 \| 24 GB \| ([\d.]+) GB", page, re.MULTILINE)
    assert f"| as it is | {needed} on each GPU |" in page
    # The command's own, and the one change to more.
    assert set(re.findall(r"num_processes=(\d)", page)) == {"4", "8"}
    for words in ("GB on each of 4 GPUs", "`machine.num_threads` 2", "of 4 devices together"):
        assert words in page


@pytest.mark.slow
def test_the_command_plans_what_the_tiny_repository_trains(reproduced):
    """Steps and clips are those of the run itself."""
    reproduced.run("python", "-m", "commands.plan")
    page = (reproduced.folder / "PLANNING.md").read_text()
    curve = (reproduced.folder / "data/curves/train.csv").read_text().splitlines()
    last_step = int(curve[-1].split(",")[curve[0].split(",").index("step")])
    assert f"- steps: {last_step:,} in" in page
    assert "`data/manifests`" in page
    assert WHISPER.family in page
