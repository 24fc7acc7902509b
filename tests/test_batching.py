from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.families.whisper.window import context_s
from asr.features.batching import EpochPlan, LongContext, batches_by_length, epoch_batches

durations = st.lists(st.floats(0.3, 30.0), max_size=60)
LONG = LongContext(0.3, 30.0, 0.5, rounded=lambda seconds: context_s(seconds, 0.0))


def seconds(duration_s):
    return context_s(duration_s, 0.5)


PLAN = EpochPlan(seconds, batch_seconds=20.0, max_clips=8, long_context=LONG)


def test_decoding_batches_hold_clips_of_like_length():
    # 0.78 s + 0.5 s is 1.28 s of context: three of them fit 4 s, a fourth clip does not.
    batches = batches_by_length([0.78, 5.9, 0.7, 0.6, 5.9], seconds, batch_seconds=4.0)
    assert [batch.indices for batch in batches] == [(3, 2, 0), (1,), (4,)]
    assert [batch.context_s for batch in batches] == pytest.approx([1.28, 6.4, 6.4])


@given(durations, st.floats(0, 30), st.floats(1, 100))
def test_decoding_batches_hold_each_clip_once_within_the_budget(lengths, margin_s, budget):
    batches = batches_by_length(lengths, lambda s: context_s(s, margin_s), budget)
    assert sorted(i for b in batches for i in b.indices) == list(range(len(lengths)))
    for batch in batches:
        assert batch.context_s >= max(lengths[i] for i in batch.indices)
        assert len(batch.indices) == 1 or batch.context_s * len(batch.indices) <= budget


@given(durations, st.integers(0, 5))
def test_an_epoch_holds_each_clip_once_within_the_budget(lengths, seed):
    batches = epoch_batches(lengths, PLAN, Random(seed))
    assert Counter(i for b in batches for i in b.indices) == Counter(range(len(lengths)))
    for batch in batches:
        assert len(batch.indices) <= PLAN.max_clips
        assert len(batch.indices) == 1 or batch.context_s * len(batch.indices) <= 20.0 + 1e-9
        for index in batch.indices:
            assert batch.context_s >= seconds(lengths[index])


def test_same_seed_same_epoch_other_seed_other_epoch():
    lengths = [1.0 + i / 10 for i in range(40)]
    assert epoch_batches(lengths, PLAN, Random(1)) == epoch_batches(lengths, PLAN, Random(1))
    assert epoch_batches(lengths, PLAN, Random(1)) != epoch_batches(lengths, PLAN, Random(2))


def test_long_share_hears_longer_silence_and_no_other_does():
    lengths = [1.0] * 1000
    plan = replace(PLAN, batch_seconds=64, long_context=replace(LONG, share=0.2))
    clips = Counter()
    for batch in epoch_batches(lengths, plan, Random(1)):
        clips[batch.context_s > seconds(1.0)] += len(batch.indices)
    assert 0.15 < clips[True] / 1000 < 0.25


def test_zeros_follow_a_share_of_what_has_a_long_context_alone():
    plan = replace(PLAN, long_context=replace(LONG, share=0.5))
    batches = epoch_batches([1.0] * 1000, plan, Random(1))
    long = [batch.zeros for batch in batches if batch.context_s > seconds(1.0)]
    assert 0.3 < sum(long) / len(long) < 0.7
    assert not any(batch.zeros for batch in batches if batch.context_s == seconds(1.0))


def test_without_long_context_every_context_is_the_clips_own():
    (batch,) = epoch_batches([1.1] * 3, replace(PLAN, long_context=None), Random(1))
    assert sorted(batch.indices) == [0, 1, 2]
    assert batch.context_s == 1.6
