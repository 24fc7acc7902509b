from hypothesis import given
from hypothesis import strategies as st

from asr.training.augmentation.examples import Example, Piece
from asr.training.batch_limit import BatchLimit, fitting, seconds_of
from asr.training.plan import TrainingBatch


def batch(num_examples: int, context_s: float) -> TrainingBatch:
    examples = [Example((Piece(index, 1.0, 0.0),), 1.0, index) for index in range(num_examples)]
    return TrainingBatch(tuple(examples), context_s, zeros=False)


def test_a_batch_is_halved_until_it_fits():
    parts = fitting([batch(5, 2.0)], most_s=4.0)
    assert [len(part.examples) for part in parts] == [2, 1, 2]


@given(st.lists(st.integers(1, 40), max_size=5), st.floats(0.5, 30.0), st.floats(1.0, 100.0))
def test_halves_hold_the_same_examples_in_the_same_order(sizes, context_s, most_s):
    batches = [batch(size, context_s) for size in sizes]
    parts = fitting(batches, most_s)
    assert [e for p in parts for e in p.examples] == [e for b in batches for e in b.examples]
    assert all(seconds_of(part) <= most_s or len(part.examples) == 1 for part in parts)


def test_a_limit_is_remembered_for_its_device_alone(tmp_path):
    limit = BatchLimit(tmp_path / "limits.json", "one")
    assert limit.most_s == float("inf")
    limit.lower([batch(4, 2.0), batch(1, 3.0)])
    assert BatchLimit(tmp_path / "limits.json", "one").most_s == 4.0
    assert BatchLimit(tmp_path / "limits.json", "two").most_s == float("inf")
