# python -m pytest tests/test_balance.py
from asr.splits.balance import balance
from asr.splits.split import SplitResult
from tests.examples import utterance
from tests.test_split import PARAMS


def told(train, test):
    return balance(SplitResult({"train": train, "dev": [], "test": test}, []), PARAMS)


def test_counts_by_corpus_language_and_attribute():
    clips = [utterance("a", attributes={"age_bucket": "3-4"}, speaker_id="s1"), utterance("b")]
    counts = told(clips, [])["splits"]["train"]
    assert counts == {
        "num_utterances": 2,
        "seconds": 2.0,
        "num_speakers": 1,
        "num_without_speaker": 1,
        "num_utterances_by": {
            "corpus": {"xx": 2},
            "language": {"be": 2},
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


def test_a_value_that_test_lacks_is_told():
    train = [utterance(str(n), attributes={"sex": "f" if n % 2 else "m"}) for n in range(80)]
    test = [utterance(f"t{n}", attributes={"sex": "f"}) for n in range(20)]
    assert any(
        text.startswith("sex m: 0 utterances of test, 8 expected")
        for text in told(train, test)["recommendations"]
    )
