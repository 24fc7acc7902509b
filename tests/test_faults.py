# python -m pytest tests/test_faults.py
from dataclasses import replace
from pathlib import Path

import pytest

from asr.audit.faults import Fault, Measures, gains, stop_if_bad, summary, verdicts, wholeness
from asr.audit.params import AuditParams
from asr.core.errors import InputError
from asr.core.params import load_params

PARAMS = load_params("audit", AuditParams, Path(__file__).parents[1] / "params.yaml")
# The made-up corpus varies more evenly than a real one.
PARAMS = PARAMS.model_copy(update={"min_wholeness": -4.5})
SOUND = Measures(
    duration_s=2.0,
    num_chars=20,
    cer=0.6,
    log_prob=-1.0,
    fit=9.0,
    tail_gain=3.0,
    end_drop_db=30.0,
    no_speech_prob=0.1,
    text_language=5.0,
)


def corpus(*odd):
    """A sound corpus of 40, as varied as real ones, and then the odd ones."""
    sound = []
    for n in range(40):
        # Three signs of 5, 4 and 3 values each, so that no clip is bad in all of them.
        pace, tail, drop = (n % 5 - 2) / 20, (n % 4 - 1.5) / 2, (n % 3 - 1) * 3
        sound.append(
            replace(
                SOUND,
                num_chars=20 + n,
                duration_s=(20 + n) / 10 * (1 + pace),
                tail_gain=3 + tail,
                end_drop_db=30 + drop,
            )
        )
    return [*sound, *odd]


def fault_of(**odd):
    found = verdicts(corpus(replace(SOUND, **odd)), PARAMS)
    assert {verdict.fault for verdict in found[:-1]} == {None}
    return found[-1].fault


def test_a_sound_one_has_no_fault():
    assert fault_of() is None


def test_a_bad_error_rate_alone_is_no_fault():
    assert fault_of(cer=1.5, log_prob=-6.0) is None


def test_no_gain_from_its_own_audio_is_a_wrong_transcript():
    assert fault_of(fit=0.1) is Fault.WRONG_TRANSCRIPT


def test_no_gain_where_nobody_speaks_is_no_speech():
    assert fault_of(fit=0.1, no_speech_prob=0.9) is Fault.NO_SPEECH
    assert fault_of(no_speech_prob=0.9) is None


def test_text_of_another_language_needs_less_proof_where_it_does_not_fit():
    assert fault_of(fit=0.1, text_language=-6.0) is Fault.WRONG_LANGUAGE
    assert fault_of(text_language=-6.0) is None
    assert fault_of(text_language=-30.0) is Fault.WRONG_LANGUAGE
    assert fault_of(text_language=None) is None


def test_three_weak_signs_make_a_truncated_one():
    assert fault_of(end_drop_db=26.0) is None
    assert fault_of(end_drop_db=10.0, duration_s=1.0, tail_gain=1.0) is Fault.TRUNCATED


def test_a_clip_is_truncated_below_the_least_wholeness_and_no_sooner():
    clips = corpus(replace(SOUND, end_drop_db=10.0, duration_s=1.0, tail_gain=1.0))
    wholeness = verdicts(clips, PARAMS)[-1].wholeness
    for least, fault in ((wholeness - 0.01, None), (wholeness + 0.01, Fault.TRUNCATED)):
        params = PARAMS.model_copy(update={"min_wholeness": least})
        assert verdicts(clips, params)[-1].fault is fault


def test_a_small_corpus_has_no_distribution_and_no_share():
    found = verdicts([replace(SOUND, end_drop_db=0.0), SOUND], PARAMS)
    assert [verdict.fault for verdict in found] == [None, None]
    assert [verdict.wholeness for verdict in found] == [None, None]
    assert summary([Fault.NO_SPEECH, None], 0, PARAMS)["verdict"] == "too few to judge"


def test_fit_grows_with_the_root_of_the_tokens_and_the_tail_is_the_last_third():
    # Gains 1, 1, 3: mean 5/3, times the root of 3; the last third is one token.
    fit, tail_gain = gains([-1.0, -1.0, -1.0], [-2.0, -2.0, -4.0])
    assert fit == pytest.approx(5 / 3 * 3**0.5)
    assert tail_gain == 3.0
    assert gains([-1.0], []) == (None, 0.0)


@pytest.mark.parametrize(
    ("num_bad", "verdict"),
    [(0, "proceed"), (9, "proceed"), (10, "caution"), (15, "caution"), (16, "stop")],
)
def test_the_gate_is_at_10_and_15_percent(num_bad, verdict):
    faults = [Fault.TRUNCATED] * num_bad + [None] * (100 - num_bad)
    assert summary(faults, 0, PARAMS)["verdict"] == verdict


def test_where_all_clips_have_one_length_a_little_less_is_not_cut():
    same = [replace(SOUND, duration_s=1.0) for _ in range(90)]
    shorter = [replace(SOUND, duration_s=0.99) for _ in range(10)]
    assert min(wholeness([*same, *shorter])) > -1.0


def test_stop_names_share_limit_file_and_the_worst():
    summarized = summary([Fault.NO_SPEECH] * 10 + [None] * 30, 0, PARAMS)
    message = (
        r"corpora\.xx: a share of 0\.250 of 40 utterances .*\(no_speech 10\), where "
        r"audit\.stop_share is 0\.15; see a\.csv\. To go on, listen to the worst and "
        r"mend the source; or leave them out with audit\.drop, and raise audit\.stop_share\. "
        r"The worst:\n  xx/1: no_speech"
    )
    with pytest.raises(InputError, match=message):
        stop_if_bad("xx", summarized, ["xx/1: no_speech"], PARAMS, Path("a.csv"))
    stop_if_bad("xx", {**summarized, "verdict": "caution"}, [], PARAMS, Path("a.csv"))
