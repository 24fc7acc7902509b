# python -m pytest tests/test_unfinished.py
"""What killed trainings left: why a run can't go on from it, and what is removed of it."""

import os
import shutil
import signal
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from asr.core.files import sha256_of
from asr.core.params import read_yaml
from asr.corpora.params import Withdrawn
from asr.training.state.scratch import newest_step, scratch_folder
from asr.training.state.unfinished import (
    differences,
    listed,
    remove_oldest,
    run_facts,
    unfinished_trainings,
    write_facts,
)
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from commands.unfinished import main
from tests.examples import utterance
from tests.pipeline_repo import PipelineRepo, wait_for
from tests.tiny_whisper import write_transformers

ROOT = Path(__file__).parents[1]
DAY = 86400


def facts(lr=1e-4, **files):
    return {
        "params": {"seed": 1, "model": {"family": "whisper"}, "train": {"lr": lr}},
        "files": {"asr/training/loop.py": "aa", "data/train.jsonl": "bb"} | files,
        "packages": {"torch": "2.13"},
    }


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path / ".dvc" / "tmp" / "scratch"


def leave(scratch, name, num_bytes=1, days=0, of=None):
    """A state after step 5 that was last written to some days ago."""
    folder = scratch / f"train-{name}"
    (folder / "step-00000005").mkdir(parents=True)
    (folder / "step-00000005" / "state.safetensors").write_bytes(bytes(num_bytes))
    write_facts(folder, of or facts())
    for path in folder.rglob("*"):
        os.utime(path, (time.time() - days * DAY,) * 2)


def test_params_differ_with_both_values_and_files_by_name():
    then, now = facts(lr=1e-4), facts(lr=1e-5, **{"asr/training/loop.py": "cc", "new.wav": "dd"})
    assert differences(now, then) == [
        "train.lr (0.0001, now 1e-05)", "asr/training/loop.py", "new.wav"
    ]  # fmt: skip
    assert differences(now, now) == []
    assert differences(now, now | {"packages": {"torch": "2.12"}}) == ["torch (2.12, now 2.13)"]
    one = {"files": {"a": "aa"}}
    assert differences({}, one) == differences(one, {}) == ["a"]


def test_params_files_code_and_packages_determine_a_run(tmp_path):
    (tmp_path / "base" / "deep").mkdir(parents=True)
    files = [tmp_path / "train.jsonl", tmp_path / "base" / "deep" / "weights"]
    for file in files:
        file.write_text(file.name)
    section = Withdrawn(speakers=["s1"])
    found = run_facts(
        {"some.section": section}, 7, [files[0], tmp_path / "base"],
        {"asr/training/loop.py": "aa", "torch": "2.13"},
    )  # fmt: skip
    hashes = {str(file): sha256(file.name.encode()).hexdigest() for file in files}
    assert found == {
        "params": {"seed": 7, "some.section": {"speakers": ["s1"], "sources": []}},
        "files": {**hashes, "asr/training/loop.py": "aa"},
        "packages": {"torch": "2.13"},
    }


def test_a_run_that_starts_afresh_names_the_nearest_state_and_what_differs(scratch, capsys):
    leave(scratch, "far", of=facts(lr=1e-3, **{"data/train.jsonl": "cc"}))
    leave(scratch, "near", num_bytes=2 * 10**7, days=3, of=facts(lr=1e-3))
    (scratch / "train-new").mkdir()
    write_facts(scratch / "train-new", facts(lr=1e-4))
    assert capsys.readouterr().out == (
        "starting afresh: the unfinished train-near (step 5, 0.02 GB, 3 days old) differs in "
        "train.lr (0.001, now 0.0001)\n"
    )
    write_facts(scratch / "train-far", facts(lr=1e-3, **{"data/train.jsonl": "cc"}))
    assert capsys.readouterr().out == ""  # it goes on from its own


def test_the_oldest_beyond_the_limit_go_with_a_word_and_a_held_one_never(scratch, capsys):
    with scratch_folder("train", "mine") as mine:
        (mine / "state").write_bytes(bytes(9 * 10**6))
        for days in (1, 2, 3, 4):
            leave(scratch, f"{days}-days", num_bytes=10**6, days=days)
        capsys.readouterr()
        remove_oldest(scratch, most_gb=0.0025)
        left = [one.folder.name for one in unfinished_trainings(scratch)]
        assert left == ["train-mine", "train-1-days", "train-2-days"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "removed the unfinished train-3-days", "removed the unfinished train-4-days"
    ]  # fmt: skip
    assert lines[0].endswith("(step 5, 0.00 GB, 3 days old): operations.keep_unfinished_gb is "
                             "0.0025")  # fmt: skip


def test_after_the_clock_was_set_back_the_oldest_go_too(scratch, capsys):
    for days in (1, 5, 3, 2, 4, 6):  # ago, and then the clock goes back by ten
        leave(scratch, f"{days}-days", num_bytes=10**6, days=days - 10)
    remove_oldest(scratch, most_gb=0.0035)
    left = [one.folder.name for one in unfinished_trainings(scratch)]
    assert left == ["train-1-days", "train-2-days", "train-3-days"]
    assert "(step 5, 0.00 GB, 0 seconds old)" in capsys.readouterr().out


def test_the_nearest_state_differs_in_the_fewest_names(scratch, capsys):
    leave(scratch, "far", of=facts() | {"params": {"seed": 2, "model": {"family": "other"}}})
    leave(scratch, "near", of=facts(lr=1e-3))
    (scratch / "train-new").mkdir()
    capsys.readouterr()
    write_facts(scratch / "train-new", facts())
    assert "the unfinished train-near (step 5" in capsys.readouterr().out


def test_at_most_five_differences_are_named():
    assert listed(list("abcde")) == "a, b, c, d, e"
    assert listed(list("abcdefg")) == "a, b, c, d, e, 2 more"


def test_a_state_has_the_size_of_all_its_files_and_a_half_removed_one_goes(scratch):
    leave(scratch, "a", num_bytes=1000, days=1)
    (scratch / "train-a" / "best").write_bytes(bytes(500))
    files = [path for path in (scratch / "train-a").rglob("*") if path.is_file()]
    half_removed = scratch / ".train-b.7.partial" / "step-00000005"
    half_removed.mkdir(parents=True)
    (half_removed / "state").touch()
    (one,) = unfinished_trainings(scratch)
    assert one.num_bytes == sum(path.stat().st_size for path in files) > 1500
    assert one.age_s < DAY / 2  # of its newest file
    (scratch / "train-a" / "facts.json").write_text("{")  # a damaged file counts as missing
    assert [one.facts for one in unfinished_trainings(scratch)] == [None]
    remove_oldest(scratch, most_gb=1.0)
    assert [path.name for path in scratch.iterdir()] == ["train-a"]


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Runs it in this repository; returns the lines that it prints."""
    monkeypatch.chdir(ROOT)

    def run(*words):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["unfinished", *words])
        main()
        return capsys.readouterr().out.splitlines()

    return run


def test_the_command_lists_and_removes(scratch, run_command):
    read = read_yaml(ROOT / "params.yaml")
    params = {name: read[name] for name in ("seed", "model", "train")}
    params["whisper.train"] = read["whisper"]["train"]
    files = {"dvc.yaml": sha256_of(ROOT / "dvc.yaml")}
    ours = {"params": params, "files": files, "packages": {}}
    leave(scratch, "a", days=1, of=ours | {"params": params | {"seed": 7}})
    leave(scratch, "b", days=2, of=ours)
    with scratch_folder("train", "c"):
        held, other, same = run_command()
        assert held.startswith("train-c (no step") and held.endswith("old): locked by a process")
        assert other == "train-a (step 5, 0.00 GB, 24 hours old): differs in seed (7, now 1)"
        assert same == "train-b (step 5, 0.00 GB, 2 days old): `dvc repro` resumes it"
        (removed,) = run_command("--remove", "train-b")
        assert removed.startswith("removed train-b (step 5")
        held, removed = run_command("--remove")
        assert held.startswith("kept, locked by a process: train-c")
        assert removed.startswith("removed train-a")
    assert run_command() == ["no unfinished training"]
    with pytest.raises(SystemExit, match=r"no unfinished training \['train-x'\]"):
        run_command("--remove", "train-x")


TRAIN = (
    "python", "-m", "stages.train", "--base", "base", "--prepared", "prepared",
    "--train-manifest", "clips.jsonl", "--replay-manifest", "none.jsonl",
    "--dev-manifest", "clips.jsonl", "--noise", "conf/noise",
    "--out", "tuned", "--curves", "curves", "--metrics", "train.json",
)  # fmt: skip


@pytest.fixture
def tiny_repo(tmp_path):
    """The stage's code, the tiny Whisper, eight clips; training that takes thousands of steps."""
    for name in ("asr", "stages", "conf/noise"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    repo = PipelineRepo(tmp_path)
    repo.set_params({
        "machine.device": "cpu", "machine.num_threads": 1, "train.num_epochs": 2000,
        "train.save_every_steps": 1, "train.num_dev_utterances": 2, "train.join.share": 0.0,
        "train.speed_change.most": 0.0, "whisper.train.margin_s": 0.1,
        "whisper.train.long_context.share": 0.0,
    })  # fmt: skip
    write_transformers(tmp_path / "base")
    noise = np.random.default_rng(1).normal(0, 3000, (8, 8000)).astype("<i2")
    clips = [
        (utterance(str(n), text="як", duration_s=0.5, sha256=sha256(clip.tobytes()).hexdigest()),
         clip.tobytes())
        for n, clip in enumerate(noise)
    ]  # fmt: skip
    (tmp_path / "prepared" / "xx").mkdir(parents=True)
    write_manifest(tmp_path / "clips.jsonl", write_shards(tmp_path / "prepared/xx", clips, 10**9))
    return repo


@pytest.mark.integration
def test_an_edit_of_what_training_runs_starts_it_afresh_and_no_other_edit_does(tiny_repo):
    def terminated_after_a_step():
        """Train until one more step is saved; returns what was said."""

        def steps():
            return sum(newest_step(f) for f in tiny_repo.folder.glob(".dvc/tmp/scratch/train-*"))

        before = steps()
        with tiny_repo.started(*TRAIN) as process:
            wait_for(lambda: process.poll() is not None or steps() > before)
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=300)[0].decode()
        assert process.returncode == 128 + signal.SIGTERM, said
        return said

    def edit(name, added="EDITED = 1"):
        file = tiny_repo.folder / name
        file.write_text(file.read_text() + f"\n{added}\n")

    said = terminated_after_a_step()
    assert "starting afresh" not in said and "resuming" not in said
    edit("asr/report/chart.py")
    edit("asr/families/whisper/decoding/engine.py")
    edit("asr/training/plan.py", "# a comment")
    assert "resuming after step" in terminated_after_a_step()
    edit("asr/training/plan.py")
    said = terminated_after_a_step()
    assert "resuming" not in said
    (line,) = [line for line in said.splitlines() if "starting afresh" in line]
    assert line.endswith(" old) differs in asr/training/plan.py")
