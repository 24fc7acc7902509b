"""Replay: clips of corpora that are trained on a little and never scored. tests/test_replay.py"""

import csv
import hashlib
import re
import shlex
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asr.core.errors import InputError
from asr.core.params import load_corpora, load_params, load_replay_corpora
from asr.families.whisper.tokens import open_tokens
from asr.splits.params import SplitParams
from asr.splits.replay import replay_counts, replay_utterances
from asr.splits.split import SplitResult
from asr.training.augmentation.examples import Example, Piece, TokenLimit
from asr.training.finite import fault_of_step
from asr.training.params import JoinParams, TrainParams
from asr.training.plan import TrainingBatch, plan_steps
from asr.training.replay import ReplayParams, clips_per_epoch, replayed_by_epoch, to_replay
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from stages.train import train_stage
from tests.examples import utterance
from tests.tiny_families import FAMILIES
from tests.tiny_tokens import write_tokens

ROOT = Path(__file__).parent.parent
SPLIT = SplitParams(
    seed=1, dev_share=0.1, test_share=0.2, given="keep",
    disjoint=["sentence", "speaker", "session"], near_duplicate=0.8, stratify_by="",
)  # fmt: skip


@given(st.integers(1, 40), st.integers(0, 60), st.integers(1, 9), st.integers(0, 9))
def test_no_clip_comes_again_before_all_came(num_clips, num_per_epoch, num_epochs, seed):
    epochs = replayed_by_epoch(range(100, 100 + num_clips), num_per_epoch, seed)
    drawn = [next(epochs) for _ in range(num_epochs)]
    assert {len(one) for one in drawn} == {num_per_epoch}
    counts = Counter(clip for one in drawn for clip in one)
    every = [counts[clip] for clip in range(100, 100 + num_clips)]
    assert sum(every) == num_per_epoch * num_epochs
    assert max(every) - min(every) <= 1


def plan(share, num_replay, num_scored=40, num_epochs=3, **changes):
    """The steps of a run, and the clips that each epoch takes."""
    read = load_params("train", TrainParams, ROOT / "params.yaml")
    values = {
        "replay": ReplayParams(share=share), "num_epochs": num_epochs, "min_hours": 0.0, **changes
    }  # fmt: skip
    num = num_scored + num_replay
    steps = plan_steps(
        [1.0] * num, ["be"] * num_scored + ["ru"] * num_replay,
        TokenLimit([1] * num, lambda duration_s: 99, 30.0), lambda duration_s: duration_s, None,
        read.model_copy(update=values), seed=1, num_replay=num_replay,
    )  # fmt: skip
    clips = {epoch: [] for epoch in range(num_epochs)}
    for epoch, batches in steps:
        clips[epoch] += [p.index for b in batches for e in b.examples for p in e.pieces]
    return steps, [sorted(clips[epoch]) for epoch in range(num_epochs)]


@pytest.mark.parametrize(("share", "num_drawn"), [(0.05, 2), (0.2, 10), (0.5, 40)])
def test_an_epoch_has_each_scored_clip_once_and_the_share_of_replayed_ones(share, num_drawn):
    _, epochs = plan(share, num_replay=30)
    for clips in epochs:
        assert clips[:40] == list(range(40))
        assert len(clips) == 40 + num_drawn
        assert num_drawn / len(clips) == pytest.approx(share, abs=0.01)
    if num_drawn == 10:  # thirty clips last for three epochs
        assert sorted(clip for clips in epochs for clip in clips[40:]) == list(range(40, 70))


def test_a_share_above_0_is_one_clip_at_least():
    assert [clips_per_epoch(3, share) for share in (0.0, 0.01, 0.5)] == [0, 1, 3]


def test_a_clip_is_joined_to_those_of_its_own_corpus_alone():
    all_joined = JoinParams(share=1.0, max_s=8.0, max_pause_s=0.0)
    steps, _ = plan(0.5, num_replay=40, join=all_joined)
    groups = [{p.index < 40 for p in e.pieces} for _, bs in steps for b in bs for e in b.examples]
    assert {len(group) for group in groups} == {1}
    assert {True} in groups and {False} in groups


def test_without_a_share_the_plan_is_the_same_as_without_replay_corpora():
    assert plan(0.0, num_replay=30)[0] == plan(0.0, num_replay=0)[0]


def test_a_step_that_is_not_finite_names_the_lines_of_both_manifests():
    examples = [Example((Piece(index, 1.0, 0.0),), 1.0, 1) for index in (0, 39, 40, 41)]
    batch = TrainingBatch(tuple(examples), 1.0, False)
    fault = fault_of_step(1, {"loss": np.nan, "grad_norm": 1.0}, [batch], num_train=40)
    assert "on lines [1, 40] of the train manifest and [1, 2] of the replay manifest: " in fault
    fault = fault_of_step(1, {"loss": np.nan, "grad_norm": 1.0}, [batch], num_train=42)
    assert "on lines [1, 40, 41, 42] of the train manifest: " in fault


@pytest.fixture
def tokens(tmp_path):
    return open_tokens(write_tokens(tmp_path / "tokens", max_tokens=448))


def scored(**splits):
    return SplitResult({"train": [], "dev": [], "test": [], **splits}, [])


def test_a_clip_that_shares_something_with_a_score_is_not_replayed(tokens):
    sign = "Знак для буквы {} на американском языке жестов."
    result = scored(
        test=[
            utterance("t", text="Паук.", language="ru", sha256="f" * 64),
            utterance("s", text=sign.format("А"), language="ru"),
        ],
        dev=[utterance("d", text="Лось.", language="ru")],
        train=[utterance("n", text="Кот.", language="ru", sha256="e" * 64)],
    )
    replay = {
        "sentence": utterance("1", corpus="ru", language="ru", text="«паук»"),
        "recording": utterance("2", corpus="ru", language="ru", sha256="f" * 64),
        "near_duplicate": utterance("3", corpus="ru", language="ru", text=sign.format("Б")),
        "of dev": utterance("4", corpus="ru", language="ru", text="лось"),
        "trained already": utterance("5", corpus="ru", language="ru", sha256="e" * 64),
        "sentence of train": utterance("6", corpus="ru", language="ru", text="Кот."),
        "another language": utterance("7", corpus="es", language="es", text="Паук."),
        "too long": utterance("8", corpus="es", language="es", text="я" * 999),
    }
    found, aside = replay_utterances(list(replay.values()), result, SPLIT, tokens)
    assert [one.id for one in found] == ["ru/6", "es/7"]
    assert replay_counts(found, aside, 7) == {
        "num_utterances": {"es": 1, "ru": 1},
        "seconds": 2.0,
        "aside": {
            "es": {"too_many_tokens": 1},
            "ru": {"near_duplicate": 1, "recording": 2, "sentence": 2},
        },
        "num_per_epoch": 7,
    }
    assert {leak.split for leak in aside} == {"replay"}


def test_a_clip_that_its_corpus_tests_on_is_not_replayed(tokens):
    ones = [
        utterance(split, corpus="ru", attributes={"split": split})
        for split in ("train", "dev", "test")
    ]
    found, aside = replay_utterances(ones, scored(), SPLIT, tokens)
    assert [one.id for one in found] == ["ru/train"]
    assert [leak.reason for leak in aside] == ["given_dev", "given_test"]
    ignored = SPLIT.model_copy(update={"given": "ignore"})
    assert replay_utterances(ones, scored(), ignored, tokens) == (ones, [])


def test_a_replay_corpus_without_a_clip_left_is_named(tokens):
    result = scored(test=[utterance("t", sha256="f" * 64)])
    ones = [utterance("1", corpus="ru", sha256="f" * 64), utterance("2", corpus="es")]
    expected = r"corpora \['ru'\], all are set aside, by reason: {'recording': 1}"
    with pytest.raises(InputError, match=expected):
        replay_utterances(ones, result, SPLIT, tokens)


def params_with(tmp_path, corpora, share):
    text = (ROOT / "params.yaml").read_text()
    text = re.sub(r"^corpora:.*\n(  .*\n| .*#.*\n)*", f"corpora: {{{corpora}}}\n", text, flags=re.M)
    text, count = re.subn(r"^(  replay:.*\n    share:) \S+", rf"\1 {share}", text, flags=re.M)
    assert count == 1
    (tmp_path / "params.yaml").write_text(text)
    return tmp_path / "params.yaml"


BE = "be: {format: stamps, language: be, source: x}"


@pytest.mark.parametrize(
    ("corpora", "share", "message"),
    [
        (BE, 0.2, r"train\.replay\.share: expected 0 without replay: true in corpora, got 0\.2"),
        (
            f"{BE[:-1]}, replay: true}}", 0.2,
            r"corpora: expected one to tune on and score, got replay: true in all of \['be'\]",
        ),
        (
            f"{BE}, more: {{format: stamps, language: be, source: x, replay: true}}", 0.2,
            r"corpora\.more\.replay: expected recordings that are not scored, got .* of be",
        ),
        (BE, 1.0, r"train\.replay\.share: Input should be less than 1"),
        (f"{BE[:-1]}, replay: 1}}", 0.0, r"corpora\.be\.replay: Input should be a valid boolean"),
    ],
)  # fmt: skip
def test_faults_of_params_are_named(tmp_path, corpora, share, message):
    with pytest.raises(InputError, match=message):
        load_corpora(params_with(tmp_path, corpora, share))


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_another_language_or_source_may_be_replayed(tmp_path, share):
    ru = "ru: {format: stamps, language: ru, source: x, replay: true}"
    more = "more: {format: stamps, language: be, source: y, replay: true}"
    path = params_with(tmp_path, f"{BE}, {ru}, {more}", share)
    assert load_corpora(path) == ["be", "ru", "more"]
    assert load_replay_corpora(path) == {"ru", "more"}


def test_the_documented_command_adds_a_replay_corpus(tmp_path):
    from dvc.utils.hydra import apply_overrides

    page = (ROOT / "docs/training.md").read_text()
    (command,) = re.findall(r"^dvc exp run .*replay\.share.*$", page, flags=re.MULTILINE)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    words = shlex.split(command)
    overrides = [value for option, value in pairwise(words) if option == "-S"]
    apply_overrides(tmp_path / "params.yaml", overrides)
    assert load_replay_corpora(tmp_path / "params.yaml") == {"ru"}
    assert load_params("train", TrainParams, tmp_path / "params.yaml").replay.share == 0.05


def test_a_share_without_a_clip_is_refused_and_no_share_reads_nothing(tmp_path):
    write_manifest(tmp_path / "replay.jsonl", [])
    with pytest.raises(
        InputError, match=r"replay\.jsonl: expected clips for .*share 0\.2, got none"
    ):
        to_replay(tmp_path / "replay.jsonl", ReplayParams(share=0.2))
    assert to_replay(tmp_path / "none.jsonl", ReplayParams(share=0.0)) == []


def write_training(tmp_path, family, share, **more):
    """Params, a base model and eight clips each of two corpora, in the working directory."""
    changes = {
        "family": family.family, "name": family.name, "device": "cpu", "num_threads": "1",
        "num_epochs": "1", "min_hours": "0.0", "step_clips": "4", "num_dev_utterances": "1",
        "log_every_steps": "1", **more,
    }  # fmt: skip
    text = params_with(tmp_path, f"{BE}, ru: {{format: stamps, language: ru, source: x, "
                                 "replay: true}", share).read_text()  # fmt: skip
    text, count = re.subn(
        r"^((  join|    long_context):.*\n +share:) \S+", r"\1 0.0", text, flags=re.M
    )
    assert count == 2
    for key, value in changes.items():
        text, count = re.subn(rf"^  {key}: \S+", f"  {key}: {value}", text, flags=re.MULTILINE)
        assert count == 1 or key in ("name", "family", "num_dev_utterances"), key
    Path("params.yaml").write_text(text)
    family.write_base(Path("base"))
    Path("noise").mkdir()
    rng = np.random.default_rng(1)
    for corpus in ("be", "ru"):
        samples = [rng.normal(0, 3000, 8000).astype("<i2").tobytes() for _ in range(8)]
        clips = [
            (utterance(str(n), corpus=corpus, language=corpus, text="два", duration_s=0.5,
                       sha256=hashlib.sha256(one).hexdigest()), one)
            for n, one in enumerate(samples)
        ]  # fmt: skip
        Path("prepared", corpus).mkdir(parents=True)
        write_manifest(
            Path(f"{corpus}.jsonl"), write_shards(Path("prepared", corpus), clips, 10**9)
        )


def run_training(out):
    manifests = Path("be.jsonl"), Path("ru.jsonl"), Path("be.jsonl")
    train_stage(
        Path("base"),
        Path("prepared"),
        *manifests,
        Path("noise"),
        out,
        Path("curves"),
        Path("train.json"),
    )


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.family)
def test_the_stage_trains_every_family_on_both(family, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_training(tmp_path, family, 0.5)
    run_training(Path("out"))
    with Path("curves/train.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0"] * 4  # sixteen clips, half of them replayed
    assert [*Path("out").rglob("*.safetensors")]


def test_an_adapter_begins_with_the_same_weights_in_every_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_training(tmp_path, FAMILIES[0], 0.0, tune="lora")
    found = []
    for out in (Path("first"), Path("second")):
        torch.seed()  # as in a fresh process
        run_training(out)
        found.append([path.read_bytes() for path in sorted(out.rglob("*.safetensors"))])
    assert found[0]
    assert found[0] == found[1]
