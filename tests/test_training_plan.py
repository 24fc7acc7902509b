import pytest

from asr.training.params import TrainParams
from asr.training.plan import learning_rate


def rates(schedule, num_steps=5, warmup_steps=2):
    params = TrainParams.model_construct(lr=1.0, warmup_steps=warmup_steps, schedule=schedule)
    return [learning_rate(step, num_steps, params) for step in range(num_steps)]


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
