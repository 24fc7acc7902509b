# python -m pytest tests/test_audit_sample.py
from pathlib import Path

import numpy as np
import pytest

from asr.audit.faults import Fault, is_sampled, sampled_sentence, stop_if_bad, summary
from asr.audit.params import AuditParams
from asr.audit.sample import drawn, share_interval
from asr.core.errors import InputError
from asr.core.params import load_params
from tests.examples import utterance

PARAMS = load_params("audit", AuditParams, Path(__file__).parents[1] / "params.yaml")
MANY = [utterance(str(number)) for number in range(2000)]


def ids(utterances, share, seed=1):
    return [utterances[i].id for i in drawn(utterances, share, seed, least=1)]


def test_all_are_audited_by_default():
    assert PARAMS.sample == 1.0
    assert drawn(MANY, 1.0, seed=1, least=20) == list(range(2000))


def test_a_share_is_drawn_and_another_seed_draws_others():
    tenth = ids(MANY, 0.1)
    assert 150 < len(tenth) < 250
    assert tenth == ids(MANY, 0.1)
    assert len(set(tenth) & set(ids(MANY, 0.1, seed=2))) < 60


def test_a_corpus_that_grows_and_a_larger_share_keep_what_was_drawn():
    before = set(ids(MANY[:1000], 0.1))
    assert before == set(ids(MANY, 0.1)) & {one.id for one in MANY[:1000]}
    assert before <= set(ids(MANY[:1000], 0.2))


def test_a_tiny_share_draws_as_many_as_can_be_judged_and_no_corpus_none():
    few = drawn(MANY, 1e-6, seed=1, least=20)
    assert len(few) == 20
    assert set(few) <= set(drawn(MANY, 0.1, seed=1, least=20))
    assert drawn(MANY[:3], 1e-6, seed=1, least=20) == [0, 1, 2]
    assert drawn([], 0.5, seed=1, least=20) == []


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_share_is_above_0_and_at_most_1(share):
    with pytest.raises(ValueError, match="sample"):
        AuditParams.model_validate(PARAMS.model_dump() | {"sample": share})


def test_the_interval_is_clopper_pearsons_in_a_huge_corpus():
    # R's binom.test(10, 100): 0.04900469 to 0.17622260.
    low, high = share_interval(10, 100, 2_000_000)
    assert (round(low, 4), round(high, 4)) == (0.0490, 0.1762)


def test_the_interval_counts_what_was_heard_and_ends_at_the_share():
    assert share_interval(5, 50, 0) == (0.1, 0.1)
    # 10 of 20 heard, 3 are bad: of the other 10, none to all may be.
    low, high = share_interval(3, 10, 10)
    assert 3 / 20 <= low < 0.3 < high <= 13 / 20
    assert share_interval(0, 0, 7) == (0.0, 1.0)
    assert share_interval(10, 10, 1)[1] == 1.0


def test_the_interval_covers_the_share_at_least_as_often_as_it_says():
    random = np.random.default_rng(0)
    for num_bad, num_drawn in ((20, 50), (60, 100), (150, 200)):
        found = random.hypergeometric(num_bad, 1000 - num_bad, num_drawn, size=1500)
        intervals = {n: share_interval(n, num_drawn, 1000 - num_drawn) for n in set(found.tolist())}
        covered = [intervals[n].low <= num_bad / 1000 <= intervals[n].high for n in found.tolist()]
        assert np.mean(covered) >= 0.95 - 0.015  # 2.6 standard errors of the simulation


def found(num_bad, num_drawn, num_not_drawn):
    faults = [Fault.TRUNCATED] * num_bad + [None] * (num_drawn - num_bad)
    return summary(faults, 0, PARAMS, num_not_drawn)


def test_the_gate_is_on_the_upper_end():
    assert found(5, 100, 0)["verdict"] == "proceed"
    sampled = found(5, 100, 900)  # up to 0.11 of all
    assert (sampled["low_quality_share"], sampled["verdict"]) == (0.05, "caution")
    assert 0.10 < sampled["low_quality_share_high"] < 0.12
    assert (sampled["num_audited"], sampled["num_utterances"]) == (100, 1000)
    assert found(10, 100, 900)["verdict"] == "stop"  # up to 0.17
    assert found(100, 1000, 9000)["verdict"] == "caution"  # up to 0.12
    assert found(5, 19, 900)["verdict"] == "too few to judge"


def test_a_sample_is_said_with_both_numbers():
    whole, sampled = found(5, 100, 0), found(10, 100, 900)
    assert (is_sampled(whole), is_sampled(sampled)) == (False, True)
    drop = PARAMS.model_copy(update={"drop": ["truncated"]})
    sentence = sampled_sentence("xx", sampled | {"num_dropped": 10}, drop)
    assert "sampled 100 of 1000" in sentence
    assert sentence.endswith("audit.drop left out 10 of these and none of the rest")
    with pytest.raises(InputError, match=r"\(sampled 100 of 1000: of all, 0\.0.* raise audit\.sa"):
        stop_if_bad("xx", sampled, [], PARAMS, Path("a.csv"))
