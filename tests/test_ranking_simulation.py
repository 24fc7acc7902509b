# python -m pytest tests/test_ranking_simulation.py
"""benchmarks.ranking with a model that knows the words that it was trained on and no others."""

import inspect
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from asr.core.errors import InputError
from asr.utterances.hypothesis import Hypothesis, write_hypotheses
from asr.utterances.utterance import read_manifest, write_manifest
from benchmarks.ranking import Simulation, simulate
from benchmarks.ranking_plot import plot
from benchmarks.tables import ranking_table
from stages.train import train_stage
from stages.transcribe import transcribe
from tests.examples import utterance

ROOT = Path(__file__).parents[1]
STAGES = {"train": train_stage, "transcribe": transcribe}
EASY, RARE = ("кот", "лес", "дом"), tuple("абвгдежзіклмнопрст")


def word_model(calls):
    """Stages that take the place of training and decoding."""

    def run_stage(folder, name, **options):
        assert options.keys() == inspect.signature(STAGES[name]).parameters.keys()
        calls.append(f"{folder.name} {name}")
        if name == "train":
            (folder / options["out"]).mkdir(parents=True)
            return
        learned = {one.text for one in read_manifest(folder / options["train"])}
        found = [
            Hypothesis(id=one.id, text=one.text if known else "?", num_tokens=2,
                       mean_log_prob=-0.01 if known else -1.0, runaway=False)
            for one in read_manifest(folder / options["manifest"])
            for known in (one.text in learned,)
        ]  # fmt: skip
        write_hypotheses(folder / options["out"], found)

    return run_stage


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """In a folder with manifests, whose train has many clips of easy words and few of rare ones."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    texts = [*(EASY * 40), *RARE]
    train = [utterance(f"{n}", text=t, duration_s=10.0) for n, t in enumerate(texts)]
    write_manifest(Path("data/manifests/train.jsonl"), train)
    for name, words in (("dev", EASY), ("test", RARE)):
        ones = [utterance(f"{name}{n}", text=t) for n, t in enumerate(words)]
        write_manifest(Path(f"data/manifests/{name}.jsonl"), ones)
    found = []
    monkeypatch.setattr("benchmarks.ranking.run_stage", word_model(found))
    return found


def test_ranked_clips_teach_more_words_and_what_is_done_is_not_done_again(calls):
    result = simulate(Simulation(Path("run")), 2)
    first, second = result["rounds"]
    assert (first["minutes"], second["minutes"]) == (5.0, 10.0)
    assert first["random"]["clips"] == [30, 30, 30]  # of 10 s
    assert second["confidence"]["clips"] == [60, 60, 60]
    # All rare words that the first model did not know are among the 30 that it is least sure of.
    assert second["confidence"]["wer"] == [0.0, 0.0, 0.0]
    assert min(second["random"]["wer"]) > 0.3
    assert second["difference"]["high"] < 0
    assert second["confidence"]["wer_by_language"] == {"be": 0.0}
    unknown = [round(wer * (len(EASY) + len(RARE))) for wer in first["random"]["wer"]]
    assert result["errors_found"]["confidence"] == unknown
    assert max(result["errors_found"]["random"]) < min(unknown)
    assert sum(call.endswith("train") for call in calls) == 9
    before = list(calls)
    assert simulate(Simulation(Path("run")), 2) == json.loads(json.dumps(result))
    assert calls == before
    means = [sum(counts) / 3 for counts in (first["random"]["wer"], second["random"]["wer"])]
    assert [line.split(" | ")[1:3] for line in ranking_table(result).splitlines()[2:4]] == [
        ["–", f"{means[0]:.3f} ({', '.join(f'{wer:.3f}' for wer in first['random']['wer'])})"],
        ["0.000 (0.000, 0.000, 0.000)",
         f"{means[1]:.3f} ({', '.join(f'{wer:.3f}' for wer in second['random']['wer'])})"],
    ]  # fmt: skip
    drawn = ElementTree.fromstring(plot(result))
    lines = list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))
    assert [len(line.get("points").split()) for line in lines] == [2] * (2 + 2 * 3)
    assert len({line.get("stroke") for line in lines}) == 2  # a colour for each way to choose


def test_a_folder_of_other_clips_is_refused(calls):
    simulate(Simulation(Path("run")), 1)
    manifest = Path("data/manifests/train.jsonl")
    write_manifest(manifest, read_manifest(manifest)[5:])
    with pytest.raises(InputError, match=r"train\.jsonl: expected the clips of this run, got othe"):
        simulate(Simulation(Path("run")), 1)
