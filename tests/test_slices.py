# python -m pytest tests/test_slices.py
import pytest

from asr.core.errors import InputError
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import score_utterances
from asr.scoring.slices import (
    DURATION_S,
    MOST_VALUES,
    SNR_DB,
    bucket,
    score_slices,
    worst_slice,
)
from tests.examples import utterance
from tests.test_score import SOURCE, heard

NORMALIZERS = Normalizers({"default": "spoken"})


def params(slices=(), min_blocks=3):
    return ScoreParams(normalizers={"default": "spoken"}, script="as_is", slices=list(slices),
                       num_resamples=200, confidence=0.95, min_blocks=min_blocks, min_effect=0.0,
                       champion="", champion_folder="conf/champion")  # fmt: skip


def scored(rows):
    """Score rows of fields of an utterance and its hypothesis."""
    utterances = [utterance(f"u{number:03}", **fields) for number, (fields, _) in enumerate(rows)]
    hypotheses = {one.id: heard(one.id, text) for one, (_, text) in zip(utterances, rows,
                  strict=True)}  # fmt: skip
    return score_utterances(utterances, hypotheses, SOURCE, NORMALIZERS, "as_is")


def slices(rows, **given):
    found = score_slices(scored(rows), params(**given), seed=1)
    return {(one["kind"], one["value"]): one for one in found}


def clip(text="а б", hypothesis="а б", **fields):
    return {"text": text, **fields}, hypothesis


def test_every_utterance_is_once_in_each_kind():
    rows = [
        clip(duration_s=0.5, speaker_id="anna", attributes={"age_bucket": "5-6"}),
        clip(duration_s=1.0, speaker_id="anna", attributes={"age_bucket": "7-8"}),
        clip(duration_s=20.0, speaker_id=None, language="bg"),
    ]
    found = slices(rows, slices=["age_bucket"])
    assert {key: one["num_utterances"] for key, one in found.items()} == {
        ("corpus", "xx"): 3, ("language", "be"): 2, ("language", "bg"): 1,
        ("speaker", "xx/anna"): 2, ("speaker", "unknown"): 1,
        ("duration", "0 – 1 s"): 1, ("duration", "1 – 2 s"): 1,
        ("duration", "16 s and more"): 1,
        ("speaking rate", "0 – 5 letters/s"): 3,
        ("age_bucket", "5-6"): 1, ("age_bucket", "7-8"): 1, ("age_bucket", "unknown"): 1,
    }  # fmt: skip


def test_a_slice_has_its_rates_with_intervals_over_its_own_blocks():
    short = [clip("а б", "а в", duration_s=0.5) for _ in range(4)]
    long = [clip("а б в г", "а б в г", duration_s=5.0) for _ in range(2)]
    found = slices([*short, *long])
    one = found["duration", "0 – 1 s"]
    assert (one["num_words"], one["wer"], one["cer"]) == (8, 0.5, 0.333333)
    assert (one["block"], one["num_blocks"]) == ("utterance", 4)
    # All four are equal: 1 - 0.025 ** (1 / 4) = 0.6024 of such clips may have an error more.
    assert one["wer_interval"] == {"low": 0.198818, "high": 0.801182}
    assert (one["substitution"], one["deletion"], one["insertion"]) == (0.5, 0.0, 0.0)
    # Two utterances are fewer than min_blocks.
    assert found["duration", "4 – 8 s"]["wer_interval"] is None


def test_the_worst_slice_is_one_with_enough_blocks_and_not_all_of_the_test_set():
    rows = [clip("а б", "а в", duration_s=0.5)] * 3 + [clip(duration_s=1.5)] * 3
    rows += [clip("а б", "в г", duration_s=30.0)]  # all wrong, but only one
    worst = worst_slice(score_slices(scored(rows), params(), seed=1))
    assert (worst["kind"], worst["value"], worst["wer"]) == ("duration", "0 – 1 s", 0.5)
    assert worst["num_slices"] == 2  # clips of 0.5 s and of 1.5 s
    assert worst_slice(score_slices(scored(rows[:3]), params(), seed=1)) is None
    assert worst_slice([]) is None


def test_an_attribute_that_no_utterance_has_is_refused_with_those_there_are():
    message = r"score\.slices: no utterance .* 'age_buckt'; there are \['age_bucket'\]"
    with pytest.raises(InputError, match=message):
        slices([clip(attributes={"age_bucket": "5-6"})], slices=["age_buckt"])


def test_a_further_test_set_need_not_have_the_attribute():
    found = score_slices(scored([clip()]), params(slices=["age_bucket"]), seed=1, further=True)
    assert "age_bucket" not in {one["kind"] for one in found}


def test_a_test_set_without_utterances_has_no_slices():
    assert score_slices([], params(slices=["age_bucket"]), seed=1) == []


@pytest.mark.parametrize(
    ("snr", "name"),
    [("-3.2", "below 5 dB"), ("5", "5 – 10 dB"), ("29.99", "20 – 30 dB"), ("30", "30 dB and more"),
     ("good", "unknown"), ("nan", "unknown"), ("inf", "unknown"), ("", "unknown")],
)  # fmt: skip
def test_signal_to_noise_is_in_buckets_and_never_an_error(snr, name):
    rows = [clip(attributes={"snr_db": snr}), clip(attributes={"snr_db": "12"})]
    assert ("signal to noise", name) in slices(rows)


def test_without_signal_to_noise_there_is_no_such_kind():
    assert not [kind for kind, _ in slices([clip()]) if kind == "signal to noise"]


def test_buckets_come_in_the_order_of_their_numbers():
    rows = [clip(duration_s=d) for d in (9.0, 0.5, 17.0, 3.0)]
    rows += [clip(attributes={"snr_db": snr}) for snr in ("8", "-1", "40", "x")]
    names = list(slices(rows))
    assert [value for kind, value in names if kind == "duration"] == [
        "0 – 1 s", "1 – 2 s", "2 – 4 s", "8 – 16 s", "16 s and more",
    ]  # fmt: skip
    assert [value for kind, value in names if kind == "signal to noise"] == [
        "below 5 dB", "5 – 10 dB", "30 dB and more", "unknown",
    ]  # fmt: skip


def test_of_very_many_speakers_the_rarest_are_one_slice():
    rows = [clip(speaker_id=f"s{n:03}") for n in range(MOST_VALUES + 5)] + [clip(speaker_id="s104")]
    speakers = [one for (kind, _), one in slices(rows).items() if kind == "speaker"]
    assert len(speakers) == MOST_VALUES
    assert (speakers[-1]["value"], speakers[-1]["num_utterances"]) == ("other", 6)
    assert sum(one["num_utterances"] for one in speakers) == len(rows)
    assert "xx/s104" in {one["value"] for one in speakers}  # has two, so it is not rare


def test_bounds_belong_to_the_bucket_that_they_open():
    assert bucket(1.0, DURATION_S, "s") == "1 – 2 s"
    assert bucket(0.999, DURATION_S, "s") == "0 – 1 s"
    assert bucket(4.9, SNR_DB, "dB") == "below 5 dB"
    with pytest.raises(ValueError, match=r"from 0\.0 on, got -1"):
        bucket(-1, DURATION_S, "s")
