from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.core.params import load_params
from asr.scoring.bootstrap import (
    MOST_BLOCKS,
    Interval,
    blocks_of,
    expanded_tail,
    intervals_of,
    paired_intervals,
    rate_intervals,
)
from asr.scoring.params import ScoreParams
from asr.text.error_rate import ErrorCounts
from tests.examples import utterance

counts = st.lists(st.integers(0, 5), min_size=2, max_size=20)
OURS = load_params("score", ScoreParams, Path(__file__).parents[1] / "params.yaml")
PARAMS = OURS.model_copy(update={"num_resamples": 300, "confidence": 0.8, "min_blocks": 10})


def errors(numbers, num_reference=10):
    return [ErrorCounts(num_reference, substitutions=number) for number in numbers]


def intervals(first, second, blocks=None, num_resamples=2000):
    blocks = blocks or range(len(first))
    return paired_intervals(errors(first), errors(second), blocks, num_resamples, 0.95, 1, seed=1)


def test_the_same_difference_everywhere_may_still_not_be_that_of_all_clips():
    # Of clips of 10 words with one error more or less: 1 - 0.025 ** (1 / 20) = 0.168 may be missed.
    difference = intervals([5] * 20, [2] * 20).difference
    assert (difference.low, difference.high) == pytest.approx((-0.3168, -0.2832), abs=1e-4)
    assert difference.verdict(0.0) == "better"


def test_ten_clips_without_an_error_do_not_prove_that_there_are_none():
    few = intervals([0] * 10, [0] * 10)
    assert (few.first.low, few.first.high) == pytest.approx((0.0, 0.0308), abs=1e-4)
    assert few.verdict(0.005) == "inconclusive"
    assert intervals([0] * 1000, [0] * 1000).verdict(0.005) == "the same"


def test_a_difference_of_one_utterance_is_inconclusive():
    assert intervals([5] * 20, [4] + [5] * 19).difference.verdict(0.0) == "inconclusive"


def test_interval_of_a_rate_is_near_the_normal_one():
    # 100 utterances of one word, half of them wrong: 0.5 +- 1.96 * sqrt(0.25 / 100).
    first = [ErrorCounts(1, substitutions=i % 2) for i in range(100)]
    found = paired_intervals(first, first, range(100), 5000, 0.95, 10, seed=1).first
    assert (found.low, found.high) == pytest.approx((0.402, 0.598), abs=0.015)


def test_utterances_of_one_speaker_are_drawn_together():
    first, second = [5] * 10 + [0] * 10, [0] * 10 + [1] * 10
    by_utterance = intervals(first, second).difference
    by_speaker = intervals(first, second, blocks=["a"] * 10 + ["b"] * 10).difference
    assert by_utterance.verdict(0.0) == "better"
    assert by_speaker.verdict(0.0) == "inconclusive"


def test_speakers_are_blocks_only_if_there_are_enough():
    # Of one speaker every draw is the same: the interval would be a point, the verdict a lie.
    alone = [utterance(f"a{number}", speaker_id="anna") for number in range(20)]
    assert blocks_of(alone, 10) == ([one.id for one in alone], "utterance")
    assert blocks_of(alone, 1)[1] == "speaker"
    many = [utterance(f"a{number}", speaker_id=f"s{number % 10}") for number in range(20)]
    unknown = [utterance(name, speaker_id=None) for name in ("unknown", "other")]
    blocks, kind = blocks_of([*many, *unknown], 10)
    assert (len(set(blocks)), kind) == (12, "speaker")


def test_sessions_are_blocks_where_speakers_are_unknown():
    segments = [utterance(f"r{number % 10}#{number}", speaker_id=None, session_id=f"r{number % 10}")
                for number in range(40)]  # fmt: skip
    blocks, kind = blocks_of(segments, 10)
    assert (len(set(blocks)), kind) == (10, "session")
    assert blocks_of(segments, 11)[1] == "utterance"


def test_namesakes_of_two_corpora_are_two_speakers():
    pairs = [utterance(f"a{number}", corpus=corpus, speaker_id=f"s{number}")
             for number in range(10) for corpus in ("be", "bg")]  # fmt: skip
    assert len(set(blocks_of(pairs, 10)[0])) == 20


@pytest.mark.parametrize("num_blocks", [1, 9])
def test_too_few_blocks_have_no_interval_and_no_verdict(num_blocks):
    blocks = [number % num_blocks for number in range(20)]
    found = paired_intervals(errors([5] * 20), errors([2] * 20), blocks, 200, 0.95, 10, seed=1)
    assert (found.first, found.second, found.difference) == (None, None, None)
    assert found.verdict(0.0) == "inconclusive"


def test_references_without_words_have_no_interval_and_no_verdict():
    hallucinated, silent = errors([5] * 20, num_reference=0), errors([0] * 20, num_reference=0)
    found = paired_intervals(hallucinated, silent, range(20), 200, 0.95, 10, seed=1)
    assert (found.difference, found.verdict(0.1)) == (None, "inconclusive")


def test_a_drawn_error_rate_is_over_the_drawn_words():
    # One of two utterances has 90 of 100 words, all wrong: drawn alone or not at all, the rate is
    # 1 or 0, and over all words it would be 1.8.
    first = [ErrorCounts(90, substitutions=90), ErrorCounts(10)]
    found = paired_intervals(first, first, range(2), 1000, 0.95, 1, seed=1).first
    assert (found.low, found.high) == (0.0, 1.0)


def test_one_word_is_enough_for_a_rate():
    one = [ErrorCounts(1, substitutions=1), ErrorCounts(0)]
    found = paired_intervals(one, one, "ab", 200, 0.95, 1, seed=1).first
    assert found.low <= 1.0 <= found.high


def test_of_one_block_there_is_no_interval_whatever_is_asked_for():
    one = [ErrorCounts(5, substitutions=1)] * 3
    assert paired_intervals(one, one, "aaa", 200, 0.95, 1, seed=1).first is None


def test_systems_on_other_numbers_of_utterances_are_not_compared():
    with pytest.raises(ValueError, match="zip"):
        paired_intervals(errors([1, 2]), errors([1]), "ab", 200, 0.95, 1, seed=1)


@pytest.mark.parametrize("num_resamples", [1, 300, 513])
def test_the_interval_is_that_of_the_bootstrap_t_by_hand(num_resamples):
    # Draws that come one by one yield the same quantiles only if their number is the same.
    rng, off_by = np.random.default_rng(1), []
    first = [ErrorCounts(number + 1, substitutions=number % 3) for number in range(20)]
    wrong, words = np.array([(one.num_errors, one.num_reference) for one in first], float).T

    def rate_and_error(drawn):
        rate = wrong[drawn].sum() / words[drawn].sum()
        squares = ((wrong[drawn] - rate * words[drawn]) ** 2).sum()
        return rate, (squares * 20 / 19) ** 0.5 / words[drawn].sum()

    rate, error = rate_and_error(np.arange(20))
    for _ in range(num_resamples):
        drawn_rate, drawn_error = rate_and_error(rng.integers(20, size=20))
        off_by.append((drawn_rate - rate) / drawn_error)
    low, high = np.quantile(off_by, [0.025, 0.975], method="nearest")
    found = paired_intervals(first, first, range(20), num_resamples, 0.95, 10, seed=1).first
    assert (found.low, found.high) == pytest.approx((rate - high * error, rate - low * error))


def test_a_rate_is_never_below_zero_but_a_difference_may_be():
    first, second = errors([0] * 15 + [1, 2, 1, 9, 3]), errors([0] * 15 + [1, 0, 1, 2, 0])
    found = paired_intervals(first, second, range(20), 2000, 0.95, 10, seed=1)
    assert found.second.low == 0.0
    assert found.difference.low < 0


@pytest.mark.parametrize(
    ("num_blocks", "t"), [(10, 2.2622), (20, 2.0930), (50, 2.0096), (200, 1.9720)]
)
def test_percentiles_move_outwards_as_a_t_quantile_does(num_blocks, t):
    # t: the 97.5 % quantiles with num_blocks - 1 degrees of freedom, from a printed table.
    expected = NormalDist().cdf(-t * (num_blocks / (num_blocks - 1)) ** 0.5)
    assert expanded_tail(0.025, num_blocks) == pytest.approx(expected, abs=2e-5)


def test_many_blocks_are_drawn_in_groups_and_the_interval_stays():
    rng = np.random.default_rng(1)
    wrong = (rng.random(20_000) < np.linspace(0.1, 0.5, 20_000)).astype(int)
    first = errors(wrong, num_reference=1)
    found = paired_intervals(first, first, range(20_000), 1000, 0.95, 10, seed=1).first
    # Of 20 000 words at a rate of 0.3: 4 standard errors of sqrt(0.3 * 0.7 / 20 000) wide.
    assert MOST_BLOCKS < 20_000
    assert found.high - found.low == pytest.approx(3.92 * (0.21 / 20_000) ** 0.5, rel=0.08)
    assert found.low < wrong.mean() < found.high


def test_several_rates_come_from_the_same_draws_and_one_without_words_has_none():
    numerators = np.array([[number % 3, number % 3, 1] for number in range(20)], float)
    denominators = np.tile([10.0, 5.0, 0.0], (20, 1))
    plain, double, none = rate_intervals(numerators, denominators, range(20), PARAMS, seed=1)
    assert (double.low, double.high) == pytest.approx((2 * plain.low, 2 * plain.high))
    assert none is None


def test_params_decide_resamples_confidence_and_least_blocks():
    first = [ErrorCounts(number + 3, substitutions=number % 3) for number in range(20)]
    second, blocks = errors([1] * 20), list(range(10)) * 2
    found = intervals_of(first, second, blocks, PARAMS, 7)
    assert found == paired_intervals(first, second, blocks, 300, 0.8, 10, 7)
    assert found != paired_intervals(first, second, blocks, 300, 0.8, 10, 8)
    assert intervals_of(first, second, [0] * 20, PARAMS, 7).difference is None


@given(counts, st.data())
def test_swapping_the_systems_turns_the_sign(first, data):
    second = data.draw(st.lists(st.integers(0, 5), min_size=len(first), max_size=len(first)))
    there = intervals(first, second, num_resamples=200).difference
    back = intervals(second, first, num_resamples=200).difference
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.2, -0.1, "better"), (0.1, 0.2, "worse"), (-0.1, 0.1, "inconclusive"),
     (-0.1, 0.0, "inconclusive")],
)  # fmt: skip
def test_verdict_wants_zero_outside(low, high, verdict):
    assert Interval(low, high).verdict(0.0) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.005, 0.005, "the same"), (0.0, 0.0, "the same"), (-0.004, -0.001, "the same"),
     (-0.006, 0.005, "inconclusive"), (-0.005, 0.006, "inconclusive"), (-0.006, -0.001, "better"),
     (0.001, 0.006, "worse")],
)  # fmt: skip
def test_what_is_within_the_smallest_effect_is_the_same(low, high, verdict):
    assert Interval(low, high).verdict(min_effect=0.005) == verdict
