# python -m pytest tests/test_gates.py
"""Gates: pass, fail, or not measured; the scorecard as a file, a table and an exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from asr.core.files import read_json, write_json
from asr.core.params import read_yaml
from asr.scoring.gates import corpora_trained_on, scorecard
from asr.scoring.params import GatesParams
from stages.scorecard import scorecard as write_scorecard

ROOT = Path(__file__).parents[1]
OFF = dict.fromkeys(GatesParams.model_fields) | {"only_corpora": []}


def score_of(wer, worst_slice=None):
    return {"groups": {"overall": {"wer": wer}}, "worst_slice": worst_slice}


def data_of(train, dev=None, replay=None):
    def count(corpora):
        return {"num_utterances_by": {"corpus": dict.fromkeys(corpora, 5)}}

    splits = {"train": count(train), "dev": count(dev or train), "test": count(["test_only"])}
    return {"splits": splits} | ({"replay": replay} if replay else {})


NO_LONG_LOOP = {"joined": {"share": 0.0}}


def guards_of(base=None, tuned=None):
    """Guards' figures of both models; what is not given is that of a model without fault."""
    fine = {
        "hallucination": {"chars_per_minute": 0.0}, "loops": NO_LONG_LOOP | {"share": 0.0},
        "forgetting": {}, "timestamps": None, "memorised": {"share": 0.0},
    }  # fmt: skip
    return {"base": fine | (base or {}), "tuned": fine | (tuned or {})}


FILES = ("score", "data", "guards", "alignment", "metrics/scorecard")
UNALIGNED = {"coverage": None, "joined": {"mean_offset_s": None}}


def status(gate, threshold, score=None, data=None, guards=None, alignment=UNALIGNED):
    gates = GatesParams(**OFF | {gate: threshold})
    score, data, guards = score or score_of(0.25), data or data_of(["be"]), guards or guards_of()
    rows = scorecard(gates, score, data, guards, alignment)
    assert list(rows) == [gate]
    return rows[gate]["status"]


@pytest.mark.parametrize("gate", ["first_runs", "production", "contract"])
@pytest.mark.parametrize(
    ("wer", "expected"),
    [(0.199, "pass"), (0.2, "pass"), (0.201, "fail"), (None, "not measured")],
)
def test_a_gate_of_wer_is_passed_up_to_its_threshold(gate, wer, expected):
    assert status(gate, 0.2, score_of(wer)) == expected


def test_the_worst_slice_is_named_and_has_a_gate_of_its_own():
    worst = {"kind": "age_bucket", "value": "5", "wer": 0.4, "num_utterances": 40}
    gates = GatesParams(**OFF | {"worst_slice": 0.3})
    assert scorecard(gates, score_of(0.2, worst), data_of(["be"]), guards_of(), UNALIGNED) == {
        "worst_slice": {
            "requirement": "WER of the worst slice (age_bucket 5), at most",
            "threshold": 0.3, "value": 0.4, "status": "fail",
        }
    }  # fmt: skip
    assert status("worst_slice", 0.4, score_of(0.2, worst)) == "pass"
    assert status("worst_slice", 0.4, score_of(0.2)) == "not measured"
    without = {"groups": {"overall": {"wer": 0.2}}}
    assert status("worst_slice", 0.4, without) == "not measured"


def test_a_closed_list_counts_what_trains_and_what_chooses_the_weights():
    replay = {"num_per_epoch": 2, "num_utterances": {"ru": 7}}
    assert corpora_trained_on(data_of(["be"], ["bg"], replay)) == ["be", "bg", "ru"]
    assert corpora_trained_on(data_of(["be"], ["be"], replay | {"num_per_epoch": 0})) == ["be"]
    assert status("only_corpora", ["be", "bg"], data=data_of(["be"])) == "pass"
    assert status("only_corpora", ["be"], data=data_of(["be", "bg"])) == "fail"


@pytest.mark.parametrize(
    ("gate", "coverage", "offset_s", "expected"),
    [
        ("word_time_coverage", 0.5, None, "pass"),
        ("word_time_coverage", 0.49, None, "fail"),
        ("word_time_coverage", None, 0.1, "not measured"),
        ("word_time_offset_s", None, 0.5, "pass"),
        ("word_time_offset_s", None, 0.51, "fail"),
        ("word_time_offset_s", 1.0, None, "not measured"),
    ],
)
def test_word_times_have_gates(gate, coverage, offset_s, expected):
    alignment = {"coverage": coverage, "joined": {"mean_offset_s": offset_s}}
    assert status(gate, 0.5, alignment=alignment) == expected


@pytest.mark.parametrize(
    ("gate", "guard", "figure"),
    [
        ("hallucination_chars_per_minute", "hallucination", "chars_per_minute"),
        ("loops_share", "loops", "share"),
        ("memorised_share", "memorised", "share"),
    ],
)
def test_a_guards_figure_has_a_gate(gate, guard, figure):
    for value, expected in ((0.1, "pass"), (0.3, "fail"), (None, "not measured")):
        guards = guards_of(tuned={guard: NO_LONG_LOOP | {figure: value}})
        assert status(gate, 0.2, guards=guards) == expected


def test_long_recordings_whose_text_loops_have_a_gate():
    for value, expected in ((0.0, "pass"), (0.5, "fail"), (None, "not measured")):
        looped = guards_of(tuned={"loops": {"share": 0.0, "joined": {"share": value}}})
        assert status("joined_loops_share", 0.0, guards=looped) == expected


def test_timestamps_must_be_inside_the_clip_where_a_family_writes_them():
    for value, expected in ((0.95, "pass"), (0.8, "fail")):
        written = {"timestamps": {"valid": 1.0, "inside": value}}
        assert status("timestamps_valid", 0.9, guards=guards_of(tuned=written)) == expected
    assert status("timestamps_valid", 0.9) == "not measured"


def forgotten(**figures):
    return {"forgetting": {name: {"wer": wer, "language_accuracy": accuracy}
                           for name, (wer, accuracy) in figures.items()}}  # fmt: skip


def test_the_language_that_lost_most_counts_and_is_named():
    guards = guards_of(forgotten(ru=(0.5, 0.9), es=(0.3, 0.9), el=(None, None)),
                       forgotten(ru=(0.4, 0.3), es=(0.45, 0.85), el=(None, None)))  # fmt: skip
    gates = GatesParams(**OFF | {"forgetting": 0.1, "language_accuracy_loss": 0.5})
    rows = scorecard(gates, score_of(0.2), data_of(["be"]), guards, UNALIGNED)
    assert rows["forgetting"] == {
        "requirement": "rise of WER in another language (es), at most",
        "threshold": 0.1, "value": 0.15, "status": "fail",
    }  # fmt: skip
    assert rows["language_accuracy_loss"] == {
        "requirement": "loss of recognised clips of another language (ru), at most",
        "threshold": 0.5, "value": 0.6, "status": "fail",
    }  # fmt: skip
    assert status("forgetting", 0.1) == "not measured"


@pytest.fixture
def starter(tmp_path, monkeypatch):
    """The gates of params.yaml on the starter run's WER, with the closed list of its corpora."""
    monkeypatch.chdir(tmp_path)
    params = (ROOT / "params.yaml").read_text().replace("only_corpora: []", "only_corpora: [be]")
    Path("params.yaml").write_text(params)
    write_json(Path("score.json"), score_of(0.537975))
    write_json(Path("data.json"), data_of(["be", "bg"]))
    write_json(Path("guards.json"), guards_of())
    write_json(Path("alignment.json"), UNALIGNED)
    write_scorecard(*(Path(f"{name}.json") for name in FILES))
    compared = json.loads((ROOT / "metrics/compare.json").read_text())
    write_json(Path("metrics/compare.json"), compared)
    speed = {"rtfx": 30.0, "device": "cpu"}
    for model in ("base", "tuned"):
        write_json(Path(f"metrics/speed/{model}.json"), speed)
    return tmp_path


def test_the_starter_run_fails_its_first_gate_and_says_so(starter):
    rows = read_json(Path("metrics/scorecard.json"))["gates"]
    assert rows["first_runs"] == {
        "requirement": "WER overall, at most", "threshold": 0.3, "value": 0.537975, "status": "fail"
    }  # fmt: skip
    assert rows["only_corpora"]["value"] == ["be", "bg"]
    gates = read_yaml(Path("params.yaml"))["gates"]
    assert rows.keys() == {name for name, threshold in gates.items() if threshold is not None}


def scores(*words):
    done = subprocess.run(
        [sys.executable, "-m", "commands.scores", *words],
        capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.integration
def test_the_command_prints_the_scorecard_and_exits_with_the_gates_status(starter):
    code, said = scores()
    assert code == 0
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "first_runs WER overall, at most 0.300 0.538 fail" in lines
    assert "only_corpora corpora trained on, only be be, bg fail" in lines
    assert "worst_slice WER of the worst slice, at most 0.500 – not measured" in lines
    code, said = scores("--gate", "production")
    assert (code, said.splitlines()[-1]) == (1, "Gate production: fail")
    assert scores("--gate", "worst_slice")[0] == 1
    code, said = scores("--gate", "prodution")
    assert code == 1 and "no gate 'prodution', there are ['contract', 'first_runs'" in said
    write_json(Path("score.json"), score_of(0.2))
    write_scorecard(*(Path(f"{name}.json") for name in FILES))
    assert scores("--gate", "production")[0] == 0
