# python -m pytest tests/test_sweep.py
"""Sweeps: what a file may hold, which trials come next, and real experiments in DVC's queue."""

import json
import os
import shutil
import signal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from dvc.repo import Repo

from asr.core.errors import InputError
from asr.experiments.live import live_curve
from asr.experiments.search import SearchParams, load_search
from asr.experiments.study import Study, tried_values
from asr.experiments.sweep import Sweep
from asr.experiments.sweep_results import best_trial, sweep_results, sweep_sentences, sweep_table
from asr.report.sweeps import sweep_charts, sweep_svg
from commands.sweep import main, sweep
from tests.pipeline_repo import ROOT, PipelineRepo, experiments, wait_for

RATES = {
    "target": "train", "error": "wer", "trials": 6, "random_trials": 3, "seed": 1,
    "prune": {"trials": 2, "steps": 1}, "grid_points": 4, "overrides": {},
    "space": {
        "train.lr": {"low": 1e-5, "high": 1e-3, "scale": "log"},
        "train.accumulation": {"values": [1, 2]},
    },
}  # fmt: skip


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Opens the study of a search; a second call opens the same again."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    return lambda **changed: Study("rates", "0123456789", search_of(**changed))


def search_of(**changed):
    return SearchParams.model_validate({**RATES, **changed})


FIRST = {"train.lr": 7e-5, "train.accumulation": 1}


@pytest.mark.parametrize("path", sorted(ROOT.glob("sweeps/*.yaml")), ids=lambda path: path.stem)
def test_sweeps_of_the_repository_are_valid(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert load_search(path.stem).grid_size() > load_search(path.stem).trials


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train.lr: {low: 1.0e-3, high: 1.0e-5, scale: log}", "expected low < high"),
        ("train.lr: {low: 0.0, high: 1.0e-5, scale: log}", "low > 0 on a log scale"),
        ("train.rate: {low: 1.0e-5, high: 1.0e-3, scale: log}", "train.rate: Extra inputs"),
        (
            "train.lr: {low: 1.0e-5, high: 2.0, scale: log}",
            "bad.yaml: params.yaml with these values: ",
        ),
        ("train.tune: {values: [full, none]}", "train.tune: Input should"),
        ("train.accumulation: {values: [1]}", "space.train.accumulation"),
    ],
)
def test_a_faulty_space_is_named(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    content = json.dumps({**RATES, "space": None}).replace('"space": null', f'"space": {{{text}}}')
    (tmp_path / "bad.yaml").write_text(content)
    with pytest.raises(InputError) as raised:
        load_search("bad", tmp_path)
    assert said in str(raised.value)


def test_an_unknown_sweep_is_told_with_those_that_are_there(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError, match=r"sweeps/rate.yaml: no such sweep, there are .*'rates'"):
        load_search("rate")


def test_the_first_trial_has_the_values_of_params_and_a_killed_sweep_goes_on_alike(study):
    def run(opened):
        """Six trials whose error is least at a rate of 1e-4, three of them after a restart."""
        tried = []
        for number in range(6):
            if number in (0, 3):
                one = opened()
            trial = one.ask(FIRST)
            tried.append(tried_values(trial))
            one.finish(trial, 60.0, abs(trial.params["train.lr"] - 1e-4))
        return tried

    tried = run(study)
    assert tried[0] == FIRST
    assert len({values["train.lr"] for values in tried}) == 6
    assert all(1e-5 <= values["train.lr"] <= 1e-3 for values in tried)
    (Path(".dvc") / "tmp" / "sweeps" / "rates.sqlite").unlink()
    whole = study()
    assert run(lambda: whole) == tried


def test_a_value_that_rounding_takes_out_of_its_span_is_tried_as_it_is(study):
    space = {"train.average_decay": {"low": 0.99, "high": 0.9999, "scale": "linear"}}
    one = study(space=space)
    tried = [tried_values(one.ask({"train.average_decay": value}))["train.average_decay"]
             for value in (0.9996, 0.9942123)]  # fmt: skip
    assert tried[0] == 0.9996  # 1.0 in three digits, which params.yaml refuses
    assert 0.99 <= tried[1] <= 0.9999 and len(str(tried[1])) <= 5


def test_a_proposal_that_was_killed_half_way_is_given_up(study):
    one = study()
    one._study.ask()  # as a process that dies before it stores the values
    assert [trial.params for trial in one.running()] == [{}]
    again = study()
    again.drop_unfinished_proposals()
    assert not again.running()
    results = sweep_results(again)
    assert "| 0 | – | – | – | – | – | failed |" in sweep_table(results)


def test_values_outside_the_space_are_no_first_trial(study):
    assert tried_values(study().ask({**FIRST, "train.lr": 0.5})) != {**FIRST, "train.lr": 0.5}


def test_a_trial_above_the_median_of_the_others_ends_early(study):
    one = study()
    for error in (0.5, 0.6):
        trial = one.ask(FIRST)
        assert not one.report(trial, {10: error + 0.1, 20: error})
        one.finish(trial, 60.0, error)
    bad, good = one.ask(FIRST), one.ask(FIRST)
    assert one.report(bad, {10: 0.9})
    assert not one.report(good, {10: 0.6})
    assert not study(prune=None).report(one.running()[0], {20: 0.9})


RESULTS = {
    "error": "wer",
    "overrides": {},
    "space": RATES["space"],
    "grid_size": 8,
    "trials": [
        {"number": n, "state": state, "values": {"train.lr": lr, "train.accumulation": 1},
         "error": error, "curve": [[10, error]] if error else [], "seconds": seconds}
        for n, (state, lr, error, seconds) in enumerate([
            ("trained", 7e-5, 0.6, 360.0), ("ended early", 1e-3, 0.9, 120.0),
            ("trained", 1e-4, 0.5, 360.0), ("failed", 2e-4, None, None),
        ])
    ],
}  # fmt: skip


def test_the_table_and_the_cost_of_a_grid_by_hand():
    assert sweep_table(RESULTS).splitlines()[2:] == [
        "| 2 | 1 | 0.0001 | 0.500 | 10 | 6.0 |  |",
        "| 0 | 1 | 7e-05 | 0.600 | 10 | 6.0 |  |",
        "| 1 | 1 | 0.001 | 0.900 | 10 | 2.0 | ended early |",
        "| 3 | 1 | 0.0002 | – | – | – | failed |",
    ]
    said = sweep_sentences(RESULTS)
    assert "0.500: dvc exp run -S train.lr=0.0001 -S train.accumulation=1" in said
    # 6 + 6 + 2 minutes; 8 points of 6 minutes
    assert "0.23 hours for 4 trials; a grid of 8 would take 0.8." in said
    assert best_trial(RESULTS)["number"] == 2
    said = sweep_sentences({**RESULTS, "overrides": {"train.tune": "lora", "train.max_steps": 16}})
    assert "also had -S train.tune=lora -S train.max_steps=16: add" in said


def test_the_charts_have_a_dot_a_trial_and_mark_the_best():
    charts = sweep_charts("rates", RESULTS).charts
    assert [chart.title for chart in charts] == ["trial", "train.accumulation", "train.lr"]
    assert [[dot.kind for dot in chart.dots] for chart in charts] == 3 * [
        ["trained", "early", "best"]
    ]
    low, high, best = (dot.x for dot in charts[2].dots)
    # On a log axis 1e-4 lies at 0.134 of the way from 7e-5 to 1e-3.
    assert (best - low) / (high - low) == pytest.approx(0.134, abs=0.001)
    picture = ElementTree.fromstring(sweep_svg("rates", RESULTS))
    assert len(picture.findall(".//{*}circle")) == 9


def test_a_sweep_without_a_trained_trial_says_so():
    with pytest.raises(InputError, match="no trial of this sweep was trained"):
        best_trial({**RESULTS, "trials": RESULTS["trials"][1:2]})


def test_the_live_curve_of_a_resumed_training_counts_no_pause(tmp_path):
    def line(minute, **values):
        return json.dumps({"timestamp": f"2026-01-01T00:{minute:02}:00.000+00:00", **values}) + "\n"

    start = {"event": "start", "config": {"experiment": "rates-1"}}
    (tmp_path / "train-a.jsonl").write_text(
        line(0, **start) + line(2, step=10, wer=0.8, cer=0.4)
        + line(30, **start) + line(33, step=20, wer=0.7, cer=0.3) + '{"timestamp": "2026'
    )  # fmt: skip
    other = {"event": "start", "config": {"experiment": "rates-12"}}
    (tmp_path / "train-b.jsonl").write_text(line(0, **other) + line(9, step=9, wer=0.1, cer=0.1))
    curve = live_curve("rates-1", tmp_path)
    assert curve.errors == {10: {"wer": 0.8, "cer": 0.4}, 20: {"wer": 0.7, "cer": 0.3}}
    assert curve.seconds == 300.0
    assert live_curve("rates-2", tmp_path).errors == {}


STAGE = """
import os
import time
from pathlib import Path
from asr.core.files import write_json
from asr.core.locks import dvc_tmp
from asr.core.params import read_yaml
from asr.trackers.jsonl import JsonLines
train = read_yaml(Path("params.yaml"))["train"]
name = os.environ["DVC_EXP_NAME"]
if train["lr"] == 3e-4:
    raise SystemExit("out of memory")
log = JsonLines(dvc_tmp() / "logs" / f"train-{train['lr']}.jsonl", "train-x", {"experiment": name})
# Far from 1e-4 training goes wrong, and would take a minute.
error = abs(train["lr"] - 1e-4) * 1000
for step in range(1, 5):
    log.log({"wer": error + 1 / step, "cer": error / 2}, step=step)
    time.sleep(15 if error > 0.5 else 0.1)
write_json(Path("metrics/train.json"), {"dev": {"step": 4, "wer": error + 0.25, "cer": error / 2}})
"""
PIPELINE = """
stages:
  train:
    cmd: python stage.py
    deps: [stage.py]
    params: [train]
    metrics: [metrics/train.json: {cache: false}]
"""


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """A repository with this one's params and a stage that only pretends to train."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.chdir(tmp_path)
    repo = PipelineRepo(tmp_path)
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for folder in ("conf", "metrics", "sweeps"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "conf" / "models.yaml", tmp_path / "conf")
    (tmp_path / "metrics" / "train.json").write_text("{}")
    write_sweep(tmp_path)
    repo.run("git", "init", "--quiet")
    repo.run("dvc", "init", "--quiet")
    repo.commit("A stage")
    return repo


def write_sweep(folder, **changed):
    """The rate of params.yaml, 7e-5, is a good one; at 9e-4 training goes wrong; 3e-4 fails."""
    space = {"train.lr": {"values": [7e-5, 1e-4, 3e-4, 9e-4]}}
    content = {**RATES, "prune": {"trials": 1, "steps": 1}, "space": space, **changed}
    (folder / "sweeps" / "rates.yaml").write_text(json.dumps(content))


def trials_of(repo):
    """What the sweep's results have, by rate."""
    results = json.loads((repo.folder / "sweeps" / "rates.json").read_text())
    return {one["values"]["train.lr"]: one for one in results["trials"]}


@pytest.mark.slow
def test_trials_are_experiments_and_a_hopeless_one_is_stopped(repo):
    sweep("rates", 1, runs=True, poll_s=0.5)
    trials = trials_of(repo)
    assert (trials[7e-5]["number"], trials[7e-5]["state"]) == (0, "trained")
    assert trials[7e-5]["error"] == pytest.approx(0.28)
    assert trials[9e-4]["state"] == "ended early"
    assert trials[3e-4]["state"] == "failed"
    trained = {name for name, data in experiments(repo).items() if name and data.get("metrics")}
    assert f"{7e-5:g}" in (repo.folder / "sweeps" / "rates.svg").read_text()
    assert any(name.startswith("rates-") and name.endswith("-0") for name in trained)
    assert (repo.folder / "params.yaml").read_text() == (ROOT / "params.yaml").read_text()


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_with_the_trial_that_runs(repo):
    write_sweep(repo.folder, trials=2)
    repo.commit("A shorter sweep")
    words = ("sh", "-c", "exec python -m commands.sweep rates >said 2>&1")
    with repo.started(*words) as process:
        said = repo.folder / "said"
        wait_for(lambda: said.exists() and "-0: Running" in said.read_text())
        process.send_signal(signal.SIGKILL)
    main(["rates"])
    results = json.loads((repo.folder / "sweeps" / "rates.json").read_text())
    assert [one["number"] for one in results["trials"]] == [0, 1]
    assert results["trials"][0]["error"] == pytest.approx(0.28)
    (log,) = (repo.folder / ".dvc" / "tmp" / "logs").glob("train-7e-05.jsonl")
    assert log.read_text().count('"event": "start"') == 1


@pytest.mark.slow
def test_values_refused_together_fail_and_equal_ones_are_not_trained_at_once(repo, capsys):
    space = {"train.step_clips": {"values": [0, 64]}, "train.accumulation": {"values": [1, 2]}}
    write_sweep(repo.folder, space=space, trials=7, random_trials=7, prune=None)
    repo.commit("Another sweep")
    sweep("rates", 2, runs=True, poll_s=0.5)
    trials = json.loads((repo.folder / "sweeps" / "rates.json").read_text())["trials"]
    tried = [(*one["values"].values(), one["state"]) for one in trials]
    assert {(2, 64, "failed"), (1, 0, "trained")} <= set(tried)
    assert all((state == "failed") == (values == [2, 64]) for *values, state in tried)
    said = capsys.readouterr().out
    assert "train.step_clips" in said and ", which has its values" in said


@pytest.mark.slow
def test_a_trial_that_a_worker_took_and_lost_is_queued_again(repo, monkeypatch):
    monkeypatch.setattr("asr.experiments.sweep.GONE_S", 2.0)
    write_sweep(repo.folder, trials=2)
    repo.commit("A shorter sweep")
    no_workers = pytest.MonkeyPatch()
    no_workers.setattr("asr.experiments.queue.start_workers", lambda jobs: None)
    study, shown = Study("rates", "0123456789", load_search("rates")), []

    def show(line):
        shown.append(line)
        if shown.count(line) == 1 and line.endswith("-0: Queued"):
            with Repo() as dvc, dvc.experiments.celery_queue.celery.connection_for_read() as all_of:
                all_of.SimpleQueue("celery").get(timeout=5).ack()
        if "its process is gone" in line:
            no_workers.undo()

    Sweep(study, 1, lambda: True, show).run(0.5)
    assert "rates-0123456-0: its process is gone; it goes on from its last checkpoint" in shown
    assert study.trials[0].state.name == "COMPLETE"


@pytest.mark.integration
def test_no_trial_begins_after_code_or_params_changed(repo):
    study, shown = Study("rates", "0123456789", load_search("rates")), []
    Sweep(study, 1, lambda: False, shown.append).run(0.1)
    assert not study.trials
    assert shown == ["rates-0123456: code or params.yaml changed, so 0 of 6 trials were run; "
                     "the same command begins a new study"]  # fmt: skip


@pytest.mark.integration
def test_what_dvc_or_the_file_refuses_is_one_line(repo, capsys):
    with pytest.raises(SystemExit, match=r"sweep: sweeps/lora.yaml: no such sweep, there are"):
        main(["lora"])
    with pytest.raises(SystemExit, match=r"sweep: no trial of this sweep was trained to its end"):
        main(["rates", "--show"])
    with pytest.raises(SystemExit):
        main(["rates", "--jobs", "0"])
    assert "--jobs: expected 1 or more" in capsys.readouterr().err
