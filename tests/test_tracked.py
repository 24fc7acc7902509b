# python -m pytest tests/test_tracked.py
"""What is tracked, and where: each value of a run in the log, in every tracker, and in DVC.

The run is a real one of the smallest Whisper, with two phases. What each place wrote is read back.
"""

import csv
import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from asr.core.params import read_yaml
from asr.training.loop import train
from asr.training.params import PhaseParams
from asr.training.progress import DEV_COLUMNS
from asr.training.state.log import training_log, write_curve
from tests.tiny_families import ALONE, ROOT, WHISPER, task
from tests.tracker_files import READERS

pytestmark = pytest.mark.integration
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PHASES = [
    PhaseParams(from_step=0, groups=["decoder"]),
    PhaseParams(from_step=2, groups=["decoder", "encoder"], lr={"encoder": 1e-4}),
]
COUNTS = {"metrics/data": {"num_train": 4}, "metrics/audit/be": {"num_suspects": 1}}

# By value, the columns of DVC's curves that have it; for those of the log alone, none.
TRACKED = {
    "loss": "train.csv", "grad_norm": "train.csv", "epoch": "train.csv", "audio_s": "train.csv",
    "skipped": None,
    "lr": "train.csv", "lr_decoder": "train.csv", "lr_encoder": "train.csv",
    "phase": "train.csv", "groups": None,
    "wer": "dev.csv", "cer": "dev.csv", "best": "dev.csv",
    "best_step": None, "best_wer": None, "best_cer": None,
    "memory": None, "gpu_utilization": None,  # they differ from run to run
    "checkpoint": None, "checkpoint_sha256": None,
    "best_weights": None, "best_weights_sha256": None,
}  # fmt: skip


SECRETS = ("AWS_SECRET_ACCESS_KEY", "GIT_TOKEN", "RUNPOD_API_KEY", "MY_DATABASE")


@pytest.fixture(scope="module")
def run(tmp_path_factory, made_once):
    """A run with all trackers: the folder, its progress, and what each place holds by name."""
    base = made_once("tiny-whisper", lambda folder: WHISPER.write_base(folder / "base")) / "base"
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        for name in SECRETS:
            patch.setenv(name, "canary-5e")
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("TRACKIO_DIR", str(folder / "trackio"))
        patch.chdir(folder)
        shutil.copyfile(ROOT / "params.yaml", "params.yaml")
        for name, counts in COUNTS.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(f"{name}.json").write_text(json.dumps(counts))
        params = WHISPER.params(
            phases=PHASES, num_epochs=4, step_clips=4, batch_seconds=4.0, log_every_steps=1,
            eval_every_steps=2, save_every_steps=3,
        )  # fmt: skip
        Path("state").mkdir()
        names = [name for name in READERS if name != "jsonl"]
        with training_log("train-tracked", names, DEVICE) as log:
            made = task(WHISPER, WHISPER.trainee(base))
            progress = train(made, params, 1, ALONE, Path("state"), log.watch)
        logs = folder / ".dvc/tmp/logs"
        read = {name: reader(logs, "train-tracked") for name, reader in READERS.items()}
    return folder, progress, read


@pytest.mark.parametrize("place", READERS)
@pytest.mark.parametrize("name", TRACKED)
def test_a_value_is_in_the_log_and_in_every_tracker(name, place, run):
    if name == "gpu_utilization" and DEVICE.type == "cpu":
        pytest.skip("this machine has no GPU")
    _, _, read = run
    expected = read["jsonl"].last(name)
    assert expected is not None
    found = read[place].last(name)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_the_log_has_what_training_computed(run):
    folder, progress, read = run
    values = read["jsonl"].values
    for rows, names in ((progress.train_rows, ("loss", "lr", "lr_encoder")),
                        (progress.dev_rows, ("wer", "cer"))):  # fmt: skip
        for name in names:
            assert values[name] == [(row["step"], row[name]) for row in rows]
    assert progress.train_rows[0]["lr_encoder"] == 0 < progress.train_rows[-1]["lr_encoder"]
    assert [words for _, words in values["groups"]] == ["decoder", "decoder, encoder"]
    assert [step for step, _ in values["groups"]] == [0, 2]
    for kind in ("checkpoint", "best_weights"):
        path = folder / read["jsonl"].last(kind)
        path = path / "state.safetensors" if path.is_dir() else path
        assert sha256(path.read_bytes()).hexdigest() == read["jsonl"].last(f"{kind}_sha256")


@pytest.mark.parametrize("place", READERS)
def test_all_params_and_the_audits_counts_are_the_configuration(place, run):
    folder, _, read = run
    expected = {**read_yaml(folder / "params.yaml"), **COUNTS}
    # Trackio and W&B add keys of their own.
    assert {name: read[place].config.get(name) for name in expected} == expected


def test_no_log_and_no_tracker_stores_the_environment(run):
    folder, _, _ = run
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if b"canary-5e" in path.read_bytes()] == []


@pytest.mark.parametrize("place", ["tensorboard", "dvclive", "trackio", "wandb"])
def test_a_tracker_has_the_curves_by_step(place, run):
    _, _, read = run
    for name in ("loss", "wer", "lr_encoder"):
        expected = read["jsonl"].values[name]
        found = read[place].values[name]
        assert [step for step, _ in found] == [step for step, _ in expected]
        assert [v for _, v in found] == pytest.approx([v for _, v in expected])


def test_dvc_has_the_curves_as_outs_and_the_params(run):
    folder, progress, _ = run
    write_curve(folder / "train.csv", progress.train_columns, progress.train_rows)
    write_curve(folder / "dev.csv", DEV_COLUMNS, progress.dev_rows)
    for name, file in TRACKED.items():
        if file:
            with (folder / file).open() as curve:
                assert name in next(csv.reader(curve)), file
    train_stage = read_yaml(ROOT / "dvc.yaml")["stages"]["train"]
    assert {"models/tuned", "data/curves"} <= set(train_stage["outs"])
    assert {"train", "model", "machine", "seed"} <= {str(name) for name in train_stage["params"]}
