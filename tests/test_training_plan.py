from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.training.augmentation.examples import Example
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch, learning_rate, num_passes, steps_of_clips


def rates(schedule, num_steps=5, warmup_steps=2):
    params = TrainParams.model_construct(lr=1.0, warmup_steps=warmup_steps, schedule=schedule)
    return [learning_rate(step, num_steps, params, params.lr) for step in range(num_steps)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.5, 1.0, 1.0, 2 / 3, 1 / 3]),
        ("cosine", [0.5, 1.0, 1.0, 0.75, 0.25]),
    ],
)
def test_rate_climbs_then_follows_its_schedule(schedule, expected):
    assert rates(schedule) == pytest.approx(expected)


def test_a_run_shorter_than_its_warmup_still_has_rates():
    assert rates("linear", num_steps=2, warmup_steps=4) == [0.25, 0.5]


def batches(*sizes_by_epoch):
    """Batches of the given sizes; the examples are numbered by their seeds, through all epochs."""
    seeds = count()

    def batch(size):
        return TrainingBatch(tuple(Example((), 1.0, next(seeds)) for _ in range(size)), 1.0, False)

    return [(epoch, batch(size)) for epoch, sizes in enumerate(sizes_by_epoch) for size in sizes]


def test_a_step_takes_part_of_a_batch_and_the_next_step_the_rest():
    steps = list(steps_of_clips(batches([3, 3], [2, 3]), 4))
    assert [[len(batch.examples) for batch in step] for _, step in steps] == [[3, 1], [2, 2], [3]]
    assert [epoch for epoch, _ in steps] == [0, 0, 1]


@given(
    st.lists(st.lists(st.integers(1, 9), min_size=1), min_size=1, max_size=4), st.integers(1, 40)
)
def test_every_step_but_the_last_holds_exactly_so_many_clips(sizes, num_clips):
    planned = batches(*sizes)
    steps = list(steps_of_clips(planned, num_clips))
    counts = [sum(len(batch.examples) for batch in step) for _, step in steps]
    assert set(counts[:-1]) <= {num_clips}
    assert 1 <= counts[-1] <= num_clips
    order = [example.seed for _, step in steps for batch in step for example in batch.examples]
    assert order == list(range(sum(map(sum, sizes))))


@pytest.mark.parametrize(
    ("minutes", "passes"),
    [(20, 6), (23.3, 5), (60, 2), (20 * 60, 2)],  # of 20 hours, two passes are 40 hours
)
def test_a_small_corpus_is_passed_until_so_many_hours_were_heard(minutes, passes):
    params = TrainParams.model_construct(num_epochs=2, min_hours=1.9)
    assert num_passes([6.0] * round(minutes * 10), params) == passes


def test_without_hours_the_number_of_epochs_decides_alone():
    params = TrainParams.model_construct(num_epochs=3, min_hours=0.0)
    assert num_passes([1.0], params) == 3
