# python -m pytest tests/test_seeds.py
"""The spread over seeds: by hand, by simulation, and of real experiments in DVC's queue."""

import json
import os

import numpy as np
import pytest

from asr.core.errors import InputError
from asr.experiments.spread import spread, spread_sentence, spread_table, t_quantile
from commands.seeds import main, run_seeds
from tests.pipeline_repo import ROOT, PipelineRepo, experiments


@pytest.mark.parametrize(
    ("probability", "degrees", "value"),
    # Tables of Student's t, such as NIST's, 1.3.6.7.2.
    [(0.975, 2, 4.303), (0.975, 4, 2.776), (0.975, 8, 2.306), (0.95, 10, 1.812), (0.8, 8, 0.889)],
)
def test_quantiles_are_those_of_the_tables(probability, degrees, value):
    assert t_quantile(probability, degrees) == pytest.approx(value, abs=5e-4)


def test_the_spread_by_hand():
    found = spread([0.50, 0.54, 0.58])
    assert (found.num_seeds, found.low, found.high) == (3, 0.50, 0.58)
    assert (found.mean, found.deviation) == pytest.approx((0.54, 0.04))
    # 2.776 * 0.04 * sqrt(2 / 3), and 0.941 for 2.776 to find it in 80 % of the tries
    assert found.significant == pytest.approx(0.0907, abs=1e-4)
    assert found.detectable - found.significant == pytest.approx(0.0307, abs=1e-4)


def test_a_difference_is_found_as_often_as_promised():
    """4,000 pairs of 5 runs each, of known mean and deviation, judged by their own deviations."""
    random = np.random.default_rng(1)
    one = spread(0.5 + 0.02 * np.array([-1.5, -0.5, 0, 0.5, 1.5]) / np.std(
        [-1.5, -0.5, 0, 0.5, 1.5], ddof=1))  # fmt: skip
    assert one.deviation == pytest.approx(0.02)
    a = random.normal(0.5, 0.02, (4000, 5))
    pooled = np.sqrt((a.var(axis=1, ddof=1) + (b := random.normal(0.5, 0.02, a.shape)).var(
        axis=1, ddof=1)) / 2)  # fmt: skip
    limits = pooled * one.significant / one.deviation
    for true, share in ((0.0, 0.05), (one.detectable, 0.80)):
        found = np.abs(b.mean(axis=1) - a.mean(axis=1) + true) > limits
        assert found.mean() == pytest.approx(share, abs=0.02)


SCORES = {
    seed: {name: {"wer": wer, "cer": 0.1} for name in ("language be", "corpus be", "overall")}
    for seed, wer in (("1", 0.50), ("2", 0.54), ("3", 0.58))
}


def test_the_table_has_all_utterances_and_each_corpus():
    rows = spread_table(SCORES).splitlines()
    assert rows[2:] == [
        "| overall | 3 | 0.540 | 0.040 | 0.500 to 0.580 | 0.091 | 0.121 |",
        "| corpus be | 3 | 0.540 | 0.040 | 0.500 to 0.580 | 0.091 | 0.121 |",
    ]
    assert spread_sentence(SCORES).startswith("the WER of 3 seeds is 0.540 ± 0.040 (standard dev")


def test_one_seed_has_no_spread(capsys):
    with pytest.raises(SystemExit):
        main(["1"])
    assert "expected 2 seeds or more: one has no spread" in capsys.readouterr().err


STAGE = """
import json
from pathlib import Path
from asr.core.params import read_yaml
params = read_yaml(Path("params.yaml"))
with open(params["log"], "a") as log:
    log.write(f"{params['seed']}\\n")
if params["seed"] == params["fails"]:
    raise SystemExit("out of memory")
wer = 0.5 + params["step"] * params["seed"]
scores = {"overall": {"wer": wer, "cer": wer / 2, "num_words": 7}}
Path("metrics/score").mkdir(parents=True, exist_ok=True)
Path("metrics/score/tuned.json").write_text(json.dumps({"groups": scores}))
"""
PIPELINE = """
stages:
  score:
    foreach: [tuned]
    do:
      cmd: python stage.py
      deps: [stage.py]
      params: [seed, step, fails]
      metrics: [metrics/score/tuned.json: {cache: false}]
"""


@pytest.fixture
def repo(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    folder = tmp_path / "repo"
    folder.mkdir()
    monkeypatch.chdir(folder)
    repo = PipelineRepo(folder)
    (folder / "stage.py").write_text(STAGE)
    (folder / "dvc.yaml").write_text(PIPELINE)
    log = tmp_path / "log"
    (folder / "params.yaml").write_text(f"seed: 1\nstep: 0.01\nfails: 0\nlog: {log}\n")
    repo.run("git", "init", "--quiet")
    repo.run("dvc", "init", "--quiet")
    repo.run("dvc", "repro")
    repo.commit("A stage")
    log.write_text("")
    return repo


def trained(repo) -> list[str]:
    return sorted((repo.folder.parent / "log").read_text().split())


@pytest.mark.integration
def test_each_seed_is_an_experiment_of_the_queue_and_trained_once(repo):
    # Not captured by a pipe, which the queue's workers would hold open.
    command = ["python", "-m", "commands.seeds", "3", "--out", "seeds.json"]
    repo.run("sh", "-c", f"{' '.join(command)} >said 2>&1")
    stored = json.loads((repo.folder / "seeds.json").read_text())
    assert {seed: groups["overall"]["wer"] for seed, groups in stored.items()} == {
        "1": 0.51, "2": 0.52, "3": 0.53,
    }  # fmt: skip
    assert stored["2"]["overall"] == {"wer": 0.52, "cer": 0.26}
    said = (repo.folder / "said").read_text()
    assert "| overall | 3 | 0.520 | 0.010 | 0.510 to 0.530 | 0.023 | 0.030 |" in said
    assert {name.rsplit("-", 1)[0] for name in experiments(repo)} >= {"seed-2", "seed-3"}
    assert "seed: 1" in (repo.folder / "params.yaml").read_text()
    before = trained(repo)
    assert set(before) >= {"2", "3"}
    scores = run_seeds(range(1, 5), [], jobs=2, poll_s=1.0)
    assert scores["4"]["overall"]["wer"] == pytest.approx(0.54)
    assert trained(repo) == sorted([*before, "4"])


@pytest.mark.integration
def test_a_seed_that_fails_is_named_and_tried_again(repo):
    with pytest.raises(InputError, match=r"failed: seed-3-\w{7}; see: dvc queue logs seed-3"):
        run_seeds([2, 3], ["fails=3"], jobs=1, poll_s=1.0)
    assert trained(repo) == ["2", "3"]
    with pytest.raises(InputError, match="failed: seed-3"):
        run_seeds([2, 3], ["fails=3"], jobs=1, poll_s=1.0)
    assert trained(repo) == ["2", "3", "3"]


@pytest.mark.integration
def test_what_dvc_refuses_is_told(repo):
    with pytest.raises(InputError, match=r"dvc exp run --queue .*: .*steps"):
        run_seeds([2, 3], ["steps.no=1"], jobs=1, poll_s=1.0)
