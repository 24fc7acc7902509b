# python -m pytest tests/test_audit_batches.py
from hypothesis import given
from hypothesis import strategies as st

from asr.audit.batches import stable_batches
from asr.families.whisper.window import context_s

DURATIONS = st.lists(st.floats(0.3, 30.0), min_size=1, max_size=60)


def batches(durations_s, batch_seconds=12.0):
    ids = [f"xx/{number}" for number in range(len(durations_s))]
    return stable_batches(ids, durations_s, lambda s: context_s(s, 1.0), batch_seconds)


def test_clips_of_one_context_share_a_batch_and_longest_come_first():
    # 1 s and a margin of 1 s need 2.24 s in steps of 0.32; 4 s need 5.12.
    found = batches([1.0, 4.0, 1.2])
    assert [(sorted(batch.indices), batch.context_s) for batch in found] == [
        ([1], 5.12),
        ([0, 2], 2.24),
    ]


@given(DURATIONS)
def test_each_clip_is_in_one_batch_of_its_context_and_none_is_too_full(durations_s):
    found = batches(durations_s)
    assert sorted(i for batch in found for i in batch.indices) == list(range(len(durations_s)))
    for batch in found:
        assert {context_s(durations_s[i], 1.0) for i in batch.indices} == {batch.context_s}
        assert len(batch.indices) == 1 or len(batch.indices) * batch.context_s <= 12.0


@given(DURATIONS)
def test_a_clip_that_comes_in_joins_a_batch_or_parts_it(durations_s):
    new = len(durations_s) - 1
    before, after = set(batches(durations_s[:-1])), set(batches(durations_s))
    assert len(before - after) <= 1
    touched = {i for batch in after - before for i in batch.indices}
    assert touched == {new} | {i for batch in before - after for i in batch.indices}
