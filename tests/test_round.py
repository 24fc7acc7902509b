# python -m pytest tests/test_round.py    (a minute, most of it of DVC)
"""commands.round in a real Git and DVC repository whose one stage stands for the pipeline."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.experiments.round import objection
from tests.clips_table import ROOT, SQLITE, People, block
from tests.examples import tone, wav
from tests.pipeline_repo import PipelineRepo
from tests.tiny_families import WHISPER

# It learns from as many corrections as the watermark says, and is better if that is even.
STAGE = """
import json, shutil
from pathlib import Path
from ruamel.yaml import YAML
params = YAML(typ="safe").load(Path("params.yaml"))
mark = YAML(typ="safe").load(Path("conf/sources.yaml"))["mine"]["watermark"]
shutil.copytree("base", "models/tuned")
Path("models/tuned/mark.txt").write_text(str(mark))
wer = {"verdict": "inconclusive" if mark % 2 else "better", "difference": -0.1,
       "difference_interval": {"low": -0.2, "high": 0.0}}
groups = {"overall": {"wer": wer}}
name = params["score"]["champion"]
against = {"champion": {"name": name, "groups": groups}} if name else {}
Path("metrics").mkdir(exist_ok=True)
Path("metrics/compare.json").write_text(json.dumps({**against, "groups": groups}))
"""
DVC = """
stages:
  train:
    cmd: {python} stage.py
    deps: [stage.py, base]
    params: [score.champion, {{conf/sources.yaml: [mine]}}]
    outs: [models/tuned]
    metrics: [metrics/compare.json: {{cache: false}}]
"""


def compared(verdict, champion=None):
    wer = {
        "verdict": verdict,
        "difference": 0.02,
        "difference_interval": {"low": -0.01, "high": 0.05},
    }
    groups = {"overall": {"wer": wer}}
    return {"groups": groups} | (
        {"champion": {"name": champion, "groups": groups}} if champion else {}
    )


def test_what_keeps_a_model_back():
    card = {"gates": {"contract": {"status": "fail", "value": 0.5, "threshold": 0.12},
                      "fast": {"status": "pass", "value": 0.5, "threshold": 1.0}}}  # fmt: skip
    assert objection(compared("better"), card, ["fast"]) is None
    assert objection(compared("worse"), {}, []) == (
        "WER against the base model is worse: +0.0200, interval -0.0100 to +0.0500"
    )
    assert "against round-7 is inconclusive" in str(
        objection(compared("inconclusive", "round-7"), {}, [])
    )
    assert objection(compared("better"), card, ["contract"]) == (
        "gate contract failed: 0.5 against 0.12"
    )
    with pytest.raises(InputError, match=r"no gate 'quick', there are \['contract', 'fast'\]"):
        objection(compared("better"), card, ["quick"])


@pytest.fixture
def repo(tmp_path, made_once):
    """A repository with a table of two pending clips, and the numbers of its corrections."""
    folder = tmp_path / "repo"
    folder.mkdir()
    model = (
        made_once("predict-whisper", lambda place: WHISPER.write_base(place / "model")) / "model"
    )
    repo = PipelineRepo(folder)
    people = People(f"sqlite:///{tmp_path}/clips.db")
    (tmp_path / "clips.db").touch()
    for statement in SQLITE.split(";"):
        people.run(statement)
    people.run("create table corrections (number integer)")
    people.fill(2)
    (tmp_path / "audio").mkdir()
    for number in (1, 2):
        (tmp_path / "audio" / f"{number}.wav").write_bytes(wav(tone(0.4, hz=300.0 * number)))
    audio = {"kind": "folder", "column": "storage_path", "root": str(tmp_path / "audio")}
    columns = block().columns.model_dump() | {"words": None}
    values = block(audio=audio, columns=columns).model_dump()
    params = (ROOT / "params.yaml").read_text().replace("num_beams: 5", "num_beams: 1")
    source = {"kind": "sql", "dsn_env": "CLIPS_DSN", "watermark": 0}
    round_params = {
        "source": "mine", "newest": "select max(number) from corrections", "min_new": 2,
        "metrics": "metrics/compare.json", "gates": [], "model": "models/tuned", "publish": [],
        "redraft": "mine",
    }  # fmt: skip
    for path, content in {
        "stage.py": STAGE, "dvc.yaml": DVC.format(python=sys.executable), "params.yaml": params,
        "conf/sources.yaml": json.dumps({"mine": source}),
        "conf/redraft.yaml": json.dumps({"mine": values}),
        "conf/round.yaml": json.dumps(round_params),
        "metrics/compare.json": "{}", ".gitignore": "/models\n",
    }.items():  # fmt: skip
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content)
    repo.run("git", "init", "--quiet", "--initial-branch", "main")
    repo.run("dvc", "init", "--quiet")
    repo.run("cp", "-r", str(model), "base")
    repo.run("dvc", "add", "--quiet", "base")
    repo.commit("The beginning")
    return repo, people


def go(repo, people, *options, succeeds=True):
    words = ("python", "-m", "commands.round", *options)
    return repo.run(*words, succeeds=succeeds, CLIPS_DSN=people.address, PYTHONPATH=str(ROOT))


@pytest.mark.slow
def test_rounds_release_what_is_better_and_keep_what_is_not(repo):
    repo, people = repo
    people.run("insert into corrections values (1)")
    assert "no round: 1 new ones, min_new is 2" in go(repo, people)
    people.run("insert into corrections values (3)")
    said = go(repo, people, succeeds=False)
    assert "round-3 is not released: WER against the base model is inconclusive" in said
    assert repo.run("git", "tag") == "" == repo.run("git", "status", "--porcelain")
    assert people.texts() == ["old", "old"]
    people.run("insert into corrections values (4)")
    assert "no round: 1 new ones" in go(repo, people)  # round-3 counts, though it was no better
    people.run("insert into corrections values (6)")
    assert "round-6 began" not in go(repo, people, "--status")
    # The first try dies between the release and the drafts: the database is gone.
    conf = repo.folder / "conf" / "redraft.yaml"
    whole = conf.read_text()
    conf.write_text(whole.replace("CLIPS_DSN", "NO_DSN"))
    repo.commit("Another variable")
    assert "--name round-6 ended with status 1" in go(repo, people, succeeds=False)
    assert repo.run("git", "tag").split() == ["round-6"]
    assert Path(repo.folder, "models/tuned/mark.txt").read_text() == "6"
    conf.write_text(whole)
    repo.commit("The right variable")
    said = go(repo, people)
    assert said.startswith("round-6 began; done: train, release\n$ ")
    assert "exp run" not in said and "round-6 is the champion" in said
    assert "old" not in people.texts()
    models = people.run("select distinct draft_model from clips")
    assert models == [("round-6",)]
    people.run("insert into corrections values (8)")
    (repo.folder / "stray.txt").write_text("mine")
    assert "expected a clean workspace, got\n?? stray.txt" in go(repo, people, succeeds=False)
    (repo.folder / "stray.txt").unlink()
    assert "score.champion=round-6" in (said := go(repo, people)) and "round-8 is the champ" in said
    assert shlex.split(said.splitlines()[1])[1:4] == ["dvc", "exp", "run"]
