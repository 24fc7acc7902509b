"""The log of a run, and each tracker's own files, read back with the tracker's own reader."""

import json
import resource
import sys

import pytest
import torch

from asr.core.errors import InputError
from asr.training.progress import Progress
from asr.training.state.log import TrainingLog, training_log, write_curve
from tests.tracker_files import wandb_records

CPU = torch.device("cpu")
PARAMS = {"train": {"lr": 0.1}, "seed": 1}
TRAIN_ROW = {"step": 5, "epoch": 0, "loss": 2.5, "lr": 0.1, "grad_norm": 1.0, "audio_s": 9.0}
DEV_ROW = {"step": 5, "wer": 0.5, "cer": 0.25, "best": 1}
SAVED = {"checkpoint": "step-00000005/state.safetensors", "checkpoint_sha256": "0" * 64}


@pytest.fixture
def logs(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(json.dumps(PARAMS))  # JSON is YAML
    return tmp_path / ".dvc" / "tmp" / "logs"


def run(*names):
    """A run of five steps, the fifth logged, the best so far, and saved."""
    progress = Progress(step=4)
    with training_log("train-k", names, CPU) as log:
        log.watch(progress, {})
        progress.step, progress.best, progress.best_step = 5, [0.5, 0.25], 5
        progress.train_rows.append(TRAIN_ROW)
        progress.dev_rows.append(DEV_ROW)
        log.watch(progress, SAVED)


def lines(logs):
    return [json.loads(line) for line in (logs / "train-k.jsonl").read_text().splitlines()]


def test_a_line_a_logged_step_and_the_best_at_the_end(logs):
    run()
    start, step, dev, saved, end = lines(logs)
    assert start["config"] == PARAMS
    assert step["memory"] > 1
    wanted = {"request_id": "train-k", "stage": "train", "gpu_utilization": None, **TRAIN_ROW}
    assert {key: step[key] for key in wanted} == wanted
    assert set(step) == {"timestamp", "memory", *wanted}
    assert step["timestamp"].endswith("+00:00")
    assert (dev["wer"], dev["cer"]) == (0.5, 0.25)
    assert saved.items() >= {"step": 5, **SAVED}.items()
    best = {"event": "end", "step": 5, "best_step": 5, "best_wer": 0.5, "best_cer": 0.25}
    assert end.items() >= best.items()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count in other units")
def test_memory_is_the_peak_of_the_process_in_mib(logs):
    run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    assert lines(logs)[1]["memory"] == pytest.approx(peak, rel=0.1)


class Notes:
    """A tracker that keeps what it is given."""

    def __init__(self):
        self.logged, self.closed = [], False

    def log(self, values, step=None):
        self.logged.append((step, values))

    def finish(self):
        self.closed = True


def test_a_tracker_gets_each_row_as_of_its_step_and_is_closed():
    notes = Notes()
    log = TrainingLog({"notes": notes}, CPU)
    log.close()  # before any step
    assert notes.logged == [(None, {"event": "end"})] and notes.closed
    log.watch(Progress(step=5, train_rows=[TRAIN_ROW], dev_rows=[DEV_ROW]), SAVED)
    _, (step, train), (dev_step, dev), saved = notes.logged
    assert (step, train["loss"], dev_step, dev["wer"]) == (5, 2.5, 5, 0.5)
    assert not {"step"} & (train.keys() | dev.keys())
    assert saved == (5, SAVED)


def test_a_tracker_gets_each_phase_where_it_starts():
    notes = Notes()
    log = TrainingLog({"notes": notes}, CPU)
    event = {"event": "phase", "phase": 2, "groups": "decoder, encoder"}
    progress = Progress(step=4, phase_rows=[{"step": 5, **event}])
    for progress.step in (4, 5, 6):
        log.watch(progress, {})
    assert notes.logged == [(5, event)]


def test_a_curve_without_rows_has_its_header(tmp_path):
    write_curve(tmp_path / "dev.csv", ("step", "wer"), [])
    assert (tmp_path / "dev.csv").read_text() == "step,wer\n"
    write_curve(tmp_path / "dev.csv", ("step", "wer"), [DEV_ROW])
    assert (tmp_path / "dev.csv").read_text() == "step,wer\n5,0.5\n"


def test_a_resumed_run_goes_on_in_the_same_file(logs):
    with pytest.raises(KeyError), training_log("train-k", [], CPU):
        raise KeyError("killed")
    run()
    assert [line.get("event") for line in lines(logs)] == [
        "start",
        "start",
        None,
        None,
        None,
        "end",
    ]


def test_the_log_of_an_experiment_has_its_name(logs, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "rates-1")
    run()
    assert lines(logs)[0]["config"] == {**PARAMS, "experiment": "rates-1"}


def test_what_split_counted_is_logged_with_the_run(logs, tmp_path):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "data.json").write_text('{"num_train": 8}')
    run()
    assert lines(logs)[0]["config"] == {**PARAMS, "metrics/data": {"num_train": 8}}


def test_a_log_that_fails_ends_no_training(logs, capsys):
    with training_log("train-k", [], CPU) as log:
        (logs / "train-k.jsonl").unlink()
        (logs / "train-k.jsonl").mkdir()
        log.watch(Progress(step=5, train_rows=[TRAIN_ROW]), {})
        log.watch(Progress(step=5, train_rows=[TRAIN_ROW]), {})
    said = capsys.readouterr().err
    assert said.count("jsonl: dropped, training goes on: IsADirectoryError") == 1


@pytest.fixture
def wandb_session():
    """W&B reads its variables once a session, which outlives its runs."""
    import wandb

    yield
    wandb.teardown()


@pytest.mark.integration
@pytest.mark.parametrize("name", ["WANDB_NAME", "WANDB_RUN_NAME"])
def test_wandb_obeys_its_own_variables(logs, tmp_path, wandb_session, monkeypatch, name):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_PROJECT", "theirs")
    monkeypatch.setenv("WANDB_RUN_ID", "run-7")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv(name, "a long night")
    run("wandb")
    (started,) = [r.run for r in wandb_records(tmp_path) if r.HasField("run")]
    assert (started.project, started.run_id) == ("theirs", "run-7")
    assert started.display_name == "a long night"


@pytest.mark.integration
def test_wandb_without_a_key_is_refused_before_training(logs, wandb_session, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(logs / "netrc"))
    with pytest.raises(InputError, match=r"operations\.trackers: wandb can't start"):
        run("wandb")


@pytest.mark.integration
def test_trackio_has_the_curves(logs, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    for _ in range(2):  # what resumes a run goes on in it
        run("trackio")
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    assert [one.name for one in trackio.Api().runs("mothertongue")].count("train-k") == 1
    rows = SQLiteStorage.get_logs("mothertongue", "train-k")
    assert [(row["step"], row["loss"]) for row in rows if row.get("loss")] == 2 * [(5, 2.5)]


@pytest.mark.integration
def test_trackio_obeys_its_own_variables(logs, monkeypatch):
    monkeypatch.setenv("TRACKIO_SERVER_URL", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="trackio can't start: Self-hosted logging requires"):
        run("trackio")
