import hashlib
import random
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.core.params import load_params
from asr.features.batching import LongContext
from asr.features.draws import bits63, random_words, randoms
from asr.training.augmentation.examples import Example, TokenLimit
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch, learning_rate, num_passes, plan_steps, steps_of_clips


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


def test_numbers_drawn_at_once_are_those_drawn_one_by_one():
    one_by_one, at_once = random.Random("1-0"), random.Random("1-0")
    for num in (1, 1000, 311, 312, 0, 5):  # the state has 624 words
        assert [one_by_one.random() for _ in range(num)] == randoms(at_once, num).tolist()
        words = random_words(at_once, 2 * num).reshape(num, 2)
        assert [one_by_one.getrandbits(63) for _ in range(num)] == bits63(words).tolist()
    assert one_by_one.getstate() == at_once.getstate()


PLANS = {  # number of steps and hash, of code that drew and stored each clip by itself
    "default": ({}, (602, "f7f1abe4912a272a")),
    "steps of clips, one context": (
        {"step_clips": 50, "long_context": False}, (42, "f2ddfc84b4f016da"),
    ),
    "large batches, replay, much joined": (
        {
            "max_batch_clips": 256, "accumulation": 3, "replay": {"share": 0.2},
            "join": {"share": 0.9, "max_s": 15.0}, "num_replay": 100,
        },
        (217, "f5502292a2865a67"),
    ),
    "one speed": ({"speed_change": {"most": 0.0}, "max_steps": 7}, (7, "5b587ee002d076d1")),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), PLANS.values(), ids=PLANS)
def test_the_plan_of_a_run_stays_the_same_bit_for_bit(changes, expected):
    rng, changes = random.Random(3), dict(changes)
    durations_s = [rng.uniform(0.4, 12) for _ in range(700)]
    groups = [("be", "be") if rng.random() < 0.5 else ("bg", "bg") for _ in durations_s]
    limit = TokenLimit([rng.randrange(1, 60) for _ in groups], lambda s: 60 + int(s), 13.0)
    long = LongContext(0.1, 30.0, 0.6, lambda s: round(s, 1))
    long_context = long if changes.pop("long_context", True) else None
    num_replay, params = changes.pop("num_replay", 0), load_params("train", TrainParams)
    for key, value in changes.items():
        part = getattr(params, key)
        new = part.model_copy(update=value) if isinstance(value, dict) else value
        params = params.model_copy(update={key: new})
    steps = plan_steps(durations_s, groups, limit, lambda s: round(s + 0.6, 1), long_context,
                       params, 1, num_replay)  # fmt: skip
    plain = [
        (epoch, [([([(p.index, p.speed, p.pause_s) for p in one.pieces], one.duration_s, one.seed)
                   for one in batch.examples], batch.context_s, batch.zeros)
                 for batch in batches])
        for epoch, batches in steps
    ]  # fmt: skip
    assert (len(plain), hashlib.sha256(repr(plain).encode()).hexdigest()[:16]) == expected
