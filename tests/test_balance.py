# python -m pytest tests/test_balance.py
import pytest

from asr.splits.balance import balance
from asr.splits.split import Aside, SplitResult
from tests.examples import utterance
from tests.test_split import PARAMS


def told(train, test, aside=()):
    return balance(SplitResult({"train": train, "dev": [], "test": test}, [*aside]), PARAMS)


def recommended(start, train, test, aside=()):
    """The recommendations that begin like this."""
    return [one for one in told(train, test, aside)["recommendations"] if one.startswith(start)]


def clips(number, **fields):
    return [utterance(f"{fields} {n}", **fields) for n in range(number)]


def test_counts_by_corpus_language_and_attribute():
    known = utterance("a", attributes={"age_bucket": "3-4"}, speaker_id="s1", duration_s=1.234)
    counts = told([known, utterance("b"), utterance("c")], [])["splits"]["train"]
    assert counts == {
        "num_utterances": 3,
        "seconds": 3.23,
        "num_speakers": 1,
        "num_without_speaker": 2,
        "num_utterances_by": {
            "corpus": {"xx": 3},
            "language": {"be": 3},
            "age_bucket": {"3-4": 1},
        },
    }


def test_a_small_test_set_of_unknown_voices_is_told():
    first, second = told([utterance("a")], [utterance("b")])["recommendations"]
    assert first.startswith("test has 1 utterances, fewer than 100")
    assert second.startswith("no utterance names its speaker")


def test_a_loud_speaker_is_told():
    train = [utterance(str(n), speaker_id="loud" if n < 6 else f"s{n}") for n in range(10)]
    loud = "speaker loud of xx speaks 60% of train: record others"
    assert loud in told(train, [])["recommendations"]


def test_one_id_in_two_corpora_is_two_speakers():
    both = [utterance(str(n), speaker_id="s1", corpus=f"c{n % 8}") for n in range(8)]
    assert not any(text.startswith("speaker") for text in told(both, [])["recommendations"])
    (few,) = [text for text in told([], both)["recommendations"] if "speakers, fewer" in text]
    assert few.startswith("test has 8 speakers")


@pytest.mark.parametrize(("number", "is_group"), [(30, True), (31, False)])
def test_an_attribute_of_more_values_than_groups_have_is_not_counted(number, is_group):
    train = [utterance(str(n), attributes={"take": f"{n}"}) for n in range(number)]
    assert ("take" in told(train, [])["splits"]["train"]["num_utterances_by"]) == is_group


def test_enough_clips_of_enough_speakers_are_not_told():
    test = [utterance(str(n), speaker_id=f"s{n % 10}") for n in range(100)]
    assert told([], test)["recommendations"] == []
    (few,) = told([], test[1:])["recommendations"]
    assert few.startswith("test has 99 utterances, fewer than 100")


def test_a_quarter_of_a_split_is_not_too_much_for_one_speaker():
    four = [utterance(str(n), speaker_id=f"s{n}") for n in range(4)]
    assert recommended("speaker", four, []) == []


def test_what_is_set_aside_is_counted_and_told_if_it_is_much_and_leaks():
    train = clips(94)
    leaks = [Aside(one, "train", "sentence", train[0], "test") for one in clips(6, text="Так")]
    long = [Aside(one, "train", "too_many_tokens") for one in clips(9, text="Long")]
    assert told(train, [], leaks + long)["aside"] == {"sentence": 6, "too_many_tokens": 9}
    (many,) = recommended("6 of 100 utterances are set aside", train, [], leaks)
    assert "split.disjoint" in many
    of_95 = clips(95)
    assert not any("set aside" in text for text in told(of_95, [], leaks[1:])["recommendations"])
    assert not any("set aside" in text for text in told(train, [], long)["recommendations"])


@pytest.mark.parametrize(("number", "expected"), [(15, []), (16, ["sex m: 0 utterances of test"])])
def test_a_value_that_test_lacks_is_told(number, expected):
    # Of 100 clips with 20 in test, 15 and 16 let expect 3 and 3.2 in test; 3 is told to be chance.
    train = clips(number, attributes={"sex": "m"}) + clips(80 - number, attributes={"sex": "f"})
    found = recommended("sex", train, clips(20, attributes={"sex": "f"}))
    assert [text.split(",")[0] for text in found if text.startswith("sex m")] == expected
    assert all("split.stratify_by: sex" in text for text in found)


def test_groups_with_their_share_of_test_are_not_told():
    both = [*clips(40, attributes={"sex": "m"}), *clips(40, attributes={"sex": "f"})]
    assert recommended("sex", both, both[20:60]) == []
