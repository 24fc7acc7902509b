from hypothesis import given
from hypothesis import strategies as st

from asr.training.augmentation.examples import Example, Piece
from asr.training.batch_limit import BatchLimit, seconds_of, split_to_fit
from asr.training.plan import TrainingBatch


def batch(num_examples: int, context_s: float) -> TrainingBatch:
    examples = [Example((Piece(index, 1.0, 0.0),), 1.0, index) for index in range(num_examples)]
    return TrainingBatch(tuple(examples), context_s, zeros=False)


def test_a_batch_is_halved_until_it_fits():
    parts = split_to_fit([batch(5, 2.0)], max_s=4.0)
    assert [len(part.examples) for part in parts] == [2, 1, 2]


@given(st.lists(st.integers(1, 40), max_size=5), st.floats(0.5, 30.0), st.floats(1.0, 100.0))
def test_halves_hold_the_same_examples_in_the_same_order(sizes, context_s, max_s):
    batches = [batch(size, context_s) for size in sizes]
    parts = split_to_fit(batches, max_s)
    assert [e for p in parts for e in p.examples] == [e for b in batches for e in b.examples]
    assert all(seconds_of(part) <= max_s or len(part.examples) == 1 for part in parts)


def test_a_limit_is_remembered_for_its_device_alone(tmp_path, capsys):
    limit = BatchLimit(tmp_path / "limits.json", "one")
    assert limit.max_s == float("inf")
    limit.lower([batch(4, 2.0), batch(1, 3.0)])
    capsys.readouterr()
    assert BatchLimit(tmp_path / "limits.json", "one").max_s == 4.0
    assert "batches above 4.0 s are halved, since an earlier run" in capsys.readouterr().out
    assert BatchLimit(tmp_path / "limits.json", "two").max_s == float("inf")
