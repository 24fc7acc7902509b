"""Batches of the next step are built in threads; they are the same, and so is the training."""

import threading
from dataclasses import replace

import pytest
import torch

from asr.core.errors import InputError
from asr.training.augmentation.examples import Example, Piece
from asr.training.loader import Loader
from asr.training.loop import train
from asr.training.params import SpecAugmentParams
from asr.training.plan import TrainingBatch
from tests.tiny_families import ALONE, FAMILIES, task


def batch(*clips):
    return TrainingBatch(
        [Example((Piece(clip, 1.0, 0.0),), 1.0, clip) for clip in clips], 1.0, False
    )


def clips(batch):
    return [example.pieces[0].index for example in batch.examples]


def caller(batch):
    return clips(batch), threading.current_thread().name


def test_without_threads_the_caller_builds_when_it_asks():
    with Loader(caller, 0) as loader:
        loader.begin([batch(3)])
        assert loader.load([batch(1, 2), batch(3)]) == [([1, 2], "MainThread"), ([3], "MainThread")]


def test_threads_build_the_next_step_before_it_is_asked_for():
    built = threading.Barrier(3, timeout=60)  # both threads at once, and this one

    def wait(batch):
        built.wait()
        return caller(batch)

    with Loader(wait, 2) as loader:
        loader.begin([batch(1), batch(2)])
        built.wait()
        found = loader.load([batch(1), batch(2)])
    assert [clips for clips, _ in found] == [[1], [2]]
    assert {name for _, name in found} == {"loader_0", "loader_1"}


def test_a_step_that_was_made_smaller_is_built_anew():
    built = []
    with Loader(lambda one: built.append(clips(one)) or clips(one), 1) as loader:
        loader.begin([batch(1, 2)])
        assert loader.load([batch(1), batch(2)]) == [[1], [2]]
        assert loader.load([batch(3)]) == [[3]]  # nothing is left of what was begun
    assert built[-3:] == [[1], [2], [3]]


def test_a_batch_that_fails_fails_in_its_own_step():
    def damaged(one):
        if 2 in clips(one):
            raise InputError("00000.parquet: row 2")
        return clips(one)

    with Loader(damaged, 2) as loader:
        loader.begin([batch(1)])
        assert loader.load([batch(1)]) == [[1]]
        loader.begin([batch(2)])
        with pytest.raises(InputError, match="row 2"):
            loader.load([batch(2)])


def test_after_the_block_nothing_is_built():
    go, built = threading.Event(), []

    def wait(one):
        built.append(clips(one))
        go.wait(60)

    with Loader(wait, 1) as loader:
        loader.begin([batch(1), batch(2), batch(3)])
        while not built:
            pass
        threading.Timer(0.05, go.set).start()
    assert built == [[1]]


MASKS = SpecAugmentParams(num_time_masks=2, max_time_share=0.2, num_mel_masks=2, max_mel_bins=20)
RANDOM = {
    "whisper": {"token_dropout": 0.3, "subword_dropout": 0.3},
    "speech_llm": {"token_dropout": 0.3},
}


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.family)
def test_training_with_threads_ends_in_the_same_bits(family, made_once, tmp_path):
    base = made_once(f"tiny-{family.family}", lambda folder: family.write_base(folder / "base"))
    changes = {
        "spec_augment": MASKS, "num_epochs": 3, "max_batch_clips": 1, "accumulation": 2,
        "eval_every_steps": 100, "save_every_steps": 100,
    }  # fmt: skip
    weights = []
    for num_threads in (0, 3):
        torch.manual_seed(1)
        params = family.params(**changes)
        trainee = family.trainee(base / "base", own=RANDOM.get(family.family), **changes)
        made = replace(task(family, trainee), loader_threads=num_threads)
        assert train(made, params, 1, ALONE, tmp_path / str(num_threads)).step == 6
        weights.append([one.detach().clone() for one in trainee.network.parameters()])
    for alone, threads in zip(*weights, strict=True):
        assert torch.equal(alone, threads)
