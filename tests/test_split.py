# python -m pytest tests/test_split.py
import csv
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.core.errors import InputError
from asr.families.whisper.tokens import open_tokens
from asr.splits.aside import Aside, write_aside
from asr.splits.given import SPLITS
from asr.splits.params import SplitParams
from asr.splits.split import (
    SplitResult,
    set_leaks_aside,
    set_too_long_aside,
    split_utterances,
)
from tests.examples import utterance
from tests.tiny_tokens import write_tokens

PARAMS = SplitParams(
    seed=1,
    dev_share=0.1,
    test_share=0.2,
    given="keep",
    disjoint=["sentence", "speaker", "session"],
    near_duplicate=0.0,
    stratify_by="",
)


def params(**changes):
    return SplitParams(**PARAMS.model_dump() | changes)


def split_of(deal):
    return {one.id: split for split, dealt in deal.splits.items() for one in dealt}


def given_split(name, split, **fields):
    return utterance(name, attributes={"split": split}, **fields)


def test_test_keeps_its_own_and_train_gives_way():
    sha = "f" * 64
    dealt = {
        "test": [utterance("a", text="Павук.", sha256=sha)],
        "dev": [utterance("b", text="«павук»"), utterance("c", text="Лось.")],
        "train": [
            utterance("d", text="Лось!"),
            utterance("e", sha256=sha),
            utterance("f", text="павук", language="uk"),
        ],
    }
    deal = set_leaks_aside(dealt, PARAMS)
    assert split_of(deal) == {"xx/a": "test", "xx/c": "dev", "xx/f": "train"}
    assert [(leak.utterance.id, leak.reason, leak.other.id) for leak in deal.aside] == [
        ("xx/b", "sentence", "xx/a"),
        ("xx/d", "sentence", "xx/c"),
        ("xx/e", "recording", "xx/a"),
    ]


def test_speakers_and_sessions_are_those_of_their_corpus():
    dealt = {
        "test": [utterance("a", speaker_id="s1"), utterance("b", session_id="t1")],
        "dev": [],
        "train": [
            utterance("c", speaker_id="s1"),
            utterance("d", session_id="t1"),
            utterance("e", speaker_id="s1", session_id="t1", corpus="yy"),
        ],
    }
    assert [leak.reason for leak in set_leaks_aside(dealt, PARAMS).aside] == ["speaker", "session"]


def test_what_may_be_shared_is_left_out_of_disjoint():
    dealt = {
        "test": [utterance("a", text="Так", speaker_id="s1")],
        "dev": [],
        "train": [utterance("b", text="Так", speaker_id="s2")],
    }
    assert set_leaks_aside(dealt, params(disjoint=["speaker"])).aside == []


def test_nearly_the_same_sentence_gives_way():
    sign = "Знакът за буквата {} в Американския Жестов език."
    dealt = {
        "test": [utterance("f", text=sign.format("F"))],
        "dev": [],
        "train": [utterance("g", text=sign.format("G")), utterance("h", text="Друг знак.")],
    }
    (leak,) = set_leaks_aside(dealt, params(near_duplicate=0.8)).aside
    assert (leak.utterance.id, leak.reason, leak.other.id) == ("xx/g", "near_duplicate", "xx/f")
    assert (leak.split, leak.other_split) == ("train", "test")
    assert set_leaks_aside(dealt, PARAMS).aside == []


@pytest.mark.parametrize("whole", ["speaker_id", "session_id"])
def test_a_speaker_or_a_session_is_dealt_whole(whole):
    utterances = [utterance(str(n), **{whole: f"s{n % 50}"}) for n in range(500)]
    deal = split_utterances(utterances, PARAMS)
    homes = split_of(deal)
    assert deal.aside == []
    for speaker in range(50):
        assert len({homes[f"xx/{n}"] for n in range(speaker, 500, 50)}) == 1


def test_every_corpus_gets_about_its_shares():
    utterances = [utterance(str(n)) for n in range(1000)]
    deal = split_utterances(utterances, PARAMS)
    counts = {split: len(dealt) for split, dealt in deal.splits.items()}
    assert counts["dev"] == pytest.approx(100, abs=30)
    assert counts["test"] == pytest.approx(200, abs=40)
    assert deal.aside == []


def test_new_data_moves_nobody():
    old = [utterance(str(n)) for n in range(300)]
    # Half of the new speak old sentences, in other voices.
    new = [
        utterance(f"new {n}", text=f"Sentence {n}.", speaker_id=f"s{n}") for n in range(200, 400)
    ]
    before = split_of(split_utterances(old, PARAMS))
    deal = split_utterances(old + new, PARAMS)
    after = split_of(deal)
    set_aside = {leak.utterance.id for leak in deal.aside}
    assert set_aside
    for one in old:
        assert after.get(one.id, before[one.id]) == before[one.id]
        assert (one.id in after) != (one.id in set_aside)
        assert before[one.id] != "test" or one.id in after


@pytest.mark.parametrize("share", [0.1, 0.45])
@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_the_smallest_corpora_fill_every_split(count, share):
    for seed in range(20):
        shares = params(seed=seed, dev_share=share, test_share=share)
        deal = split_utterances([utterance(str(n)) for n in range(count)], shares)
        assert all(deal.splits.values())


def test_the_split_of_an_utterance_is_the_same_in_every_version():
    # Whoever trained with an earlier version must not find its test utterances in train.
    speakers = [utterance(f"a{n}", speaker_id=f"s{n}") for n in range(12)]
    sessions = [utterance(f"b{n}", session_id=f"t{n}", corpus="yy") for n in range(12)]
    sentences = [utterance(f"c{n}", corpus="zz") for n in range(12)]
    few = [utterance(f"d{n}", corpus="ww", speaker_id=f"s{n}") for n in range(3)]
    deal = split_utterances(speakers + sessions + sentences + few, PARAMS)
    dealt = {split: " ".join(one.id for one in deal.splits[split]) for split in ("test", "dev")}
    assert dealt == {
        "test": "xx/a0 xx/a1 xx/a4 xx/a11 yy/b5 yy/b11 zz/c2 zz/c4 zz/c9 zz/c10 ww/d2",
        "dev": "xx/a3 xx/a6 yy/b3 zz/c11 ww/d0",
    }


def test_a_stratum_of_one_speaker_is_dealt_by_hash():
    alone = [utterance(str(n), attributes={"town": f"{n}"}) for n in range(200)]
    deal = split_utterances(alone, params(stratify_by="town"))
    assert len(deal.splits["test"]) == pytest.approx(40, abs=15)
    assert deal.splits == split_utterances(alone, PARAMS).splits


def test_every_stratum_is_in_every_split():
    utterances = [
        utterance(f"{age} {n}", attributes={"age_bucket": age}, speaker_id=f"{age} {n}")
        for age in ("3-4", "5-7")
        for n in range(6)
    ]
    for seed in range(20):
        deal = split_utterances(utterances, params(stratify_by="age_bucket", seed=seed))
        for split in SPLITS:
            ages = {one.attributes["age_bucket"] for one in deal.splits[split]}
            assert ages == {"3-4", "5-7"}


def test_too_few_speakers_are_told_by_corpus_and_split():
    utterances = [utterance(str(n), speaker_id=f"s{n % 2}") for n in range(10)]
    with pytest.raises(InputError, match=r"no utterance for xx: \w+; .*three speakers.*'xx': 10"):
        split_utterances(utterances, PARAMS)


def test_the_order_given_is_kept_and_another_seed_deals_otherwise():
    utterances = [utterance(str(n)) for n in range(50)]
    one, two = (split_utterances(utterances, params(seed=seed)) for seed in (1, 2))
    train = one.splits["train"]
    assert [u.id for u in train] == [u.id for u in utterances if u in train]
    assert one.splits["test"] != two.splits["test"]
    assert one == split_utterances(utterances, PARAMS)


def test_given_splits_are_kept_and_a_missing_dev_is_dealt_from_train():
    utterances = [given_split(f"a{n}", "train") for n in range(40)]
    utterances += [given_split(f"b{n}", "test") for n in range(5)]
    homes = split_of(split_utterances(utterances, PARAMS))
    assert all(homes[f"xx/b{n}"] == "test" for n in range(5))
    assert {homes[f"xx/a{n}"] for n in range(40)} == {"train", "dev"}


def test_a_dev_dealt_from_train_is_as_large_as_any_other():
    given = [given_split(f"a{n}", "train", text=f"слово {n}") for n in range(1500)]
    given += [given_split(f"b{n}", "test", text=f"іншае {n}") for n in range(20)]
    split = split_utterances(given, params(dev_share=0.1, test_share=0.3, near_duplicate=0.0))
    assert len(split.splits["dev"]) == pytest.approx(150, abs=40)


def test_an_attribute_to_stratify_by_that_none_has_is_refused():
    few = [utterance(str(n), attributes={"age_bucket": "5-6"}) for n in range(20)]
    with pytest.raises(InputError, match=r"stratify_by: .*\['age_bucket'\], got 'age_buket'"):
        split_utterances(few, params(stratify_by="age_buket"))


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [("ja", "今日は、良い天気ですね。", "今日は良い天気ですね"),
     ("zh", "我想喝水，谢谢你。", "我想喝水谢谢你"),
     ("sr", "Љубав је све.", "Ljubav je sve"), ("he", "שָׁלוֹם לך", "שלום לך")],
)  # fmt: skip
def test_one_sentence_written_in_two_ways_is_in_one_split(language, one, other):
    given = [given_split("a", "train", text=one, language=language),
             given_split("b", "test", text=other, language=language)]  # fmt: skip
    with pytest.raises(InputError, match="train xx/a and test xx/b share sentence"):
        split_utterances(given, PARAMS)


def test_a_dev_dealt_from_train_leaves_some_of_it():
    train = [given_split(f"a{n}", "train") for n in range(2)]
    for seed in range(20):
        few = [*train, given_split("b", "test")]
        assert all(split_utterances(few, params(seed=seed, dev_share=0.45)).splits.values())


def test_a_leak_in_given_splits_stops_and_names_the_pair():
    utterances = [given_split("a", "train", text="Павук."), given_split("b", "test", text="Павук!")]
    message = r"got 1, .*train xx/a and test xx/b share sentence 'Павук\.'"
    with pytest.raises(InputError, match=message):
        split_utterances(utterances, PARAMS)
    others = [utterance(str(n)) for n in range(20)]
    deal = split_utterances(utterances + others, params(given="ignore"))
    homes = split_of(deal)
    assert homes["xx/a"] == homes["xx/b"]  # one sentence, dealt whole


def test_a_given_split_by_another_name_is_told():
    with pytest.raises(InputError, match=r"xx/a: split: expected .*'train'.*, got 'valid'"):
        split_utterances([given_split("a", "valid")], PARAMS)


def test_given_splits_may_be_ignored():
    whole = [given_split(f"y{n}", "test", corpus="yy") for n in range(30)]
    ours = [utterance(str(n)) for n in range(30)]
    homes = split_of(split_utterances(whole + ours, params(given="ignore")))
    assert {home for name, home in homes.items() if name.startswith("yy/")} == set(SPLITS)


OURS = [utterance(str(n), speaker_id=f"s{n % 20}") for n in range(60)]


@pytest.mark.parametrize("split", SPLITS)
def test_a_corpus_that_is_one_split_whole_stays_so_beside_others(split):
    other = [given_split(f"y{n}", split, corpus="yy", text=f"y {n}") for n in range(9)]
    homes = split_of(split_utterances(OURS + other, PARAMS))
    assert {home for name, home in homes.items() if name.startswith("yy/")} == {split}
    assert {home for name, home in homes.items() if name.startswith("xx/")} == set(SPLITS)


def test_a_sentence_of_a_benchmark_is_set_aside_in_a_corpus_that_is_train_whole():
    bench = [given_split(f"y{n}", "test", corpus="yy", text=f"y {n}") for n in range(9)]
    reader = [given_split(f"z{n}", "train", corpus="zz", text=f"y {n + 8}") for n in range(9)]
    deal = split_utterances(OURS + bench + reader, PARAMS)
    assert [(leak.utterance.id, leak.other.id) for leak in deal.aside] == [("zz/z0", "yy/y8")]


def test_where_every_corpus_is_one_split_train_fills_the_others():
    bench = [given_split(f"y{n}", "test", corpus="yy", text=f"y {n}") for n in range(9)]
    reader = [given_split(f"z{n}", "train", corpus="zz", text=f"z {n}") for n in range(9)]
    homes = split_of(split_utterances(bench + reader, PARAMS))
    assert {home for name, home in homes.items() if name.startswith("zz/")} == {"train", "dev"}
    with pytest.raises(InputError, match="no utterance for yy: train, yy: dev"):
        split_utterances(bench, PARAMS)


@pytest.mark.parametrize(
    ("num_speakers", "num_sentences", "said"),
    [
        (20, 10, r"'sentence': 1\d\d}\)\. Without sentence in .*then test has sentences of train"),
        (1, 60, "Without speaker in split.disjoint .*then test has voices of train"),
    ],
)
def test_what_stands_in_the_way_is_named(num_speakers, num_sentences, said):
    each_speaks_all = [
        utterance(f"{speaker} {n}", text=f"Word {n}", speaker_id=f"s{speaker}")
        for speaker in range(num_speakers)
        for n in range(num_sentences)
    ]
    with pytest.raises(InputError, match=said):
        split_utterances(each_speaks_all, PARAMS)


def test_nearly_equal_sentences_in_the_way_are_named():
    signs = [utterance(str(n), text=f"The letter {n:02} in sign language") for n in range(20)]
    with pytest.raises(InputError, match=r"With split\.near_duplicate: 0 no split is empty"):
        split_utterances(signs, params(near_duplicate=0.5))


@st.composite
def corpora(draw):
    """Utterances that share sentences, recordings, speakers and sessions at random."""
    few = st.integers(0, 12)
    rows = draw(st.lists(st.tuples(st.sampled_from(["xx", "yy"]), few, few, few, few), min_size=6))
    return [
        utterance(
            str(n),
            corpus=corpus,
            text=f"Sentence {sentence}" if sentence else f"Own {n}",
            sha256=f"{recording or 1000 + n:064}",
            speaker_id=f"s{speaker}" if speaker > 9 else None,
            session_id=f"t{session}" if session > 9 else None,
        )
        for n, (corpus, sentence, recording, speaker, session) in enumerate(rows)
    ]


@given(utterances=corpora(), seed=st.integers(0, 99))
def test_nothing_leaks_and_nothing_is_lost_whatever_the_data(utterances, seed):
    try:
        deal = split_utterances(utterances, params(seed=seed))
    except InputError as error:
        assert re.search("needs at least three speakers", str(error))
        return
    told = [*split_of(deal), *(leak.utterance.id for leak in deal.aside)]
    assert Counter(told) == Counter(one.id for one in utterances)
    for trait in ("text", "sha256", "speaker_id", "session_id"):
        homes: dict = {}
        for split, dealt in deal.splits.items():
            for one in dealt:
                if (value := getattr(one, trait)) is not None:
                    corpus = one.corpus if trait.endswith("_id") else ""
                    assert homes.setdefault((corpus, value), split) == split


def test_what_is_too_long_to_write_is_not_learned_but_still_tested(tmp_path):
    # 8 positions: four are the prompt's, and a space is the text's first byte.
    tokens = open_tokens(write_tokens(tmp_path / "model", max_tokens=8))
    fits, long, tested = (utterance(name, text=text) for name, text in
                          [("a", "abc"), ("b", "abcd"), ("c", "abcdefgh")])  # fmt: skip
    deal = set_too_long_aside(
        SplitResult({"train": [fits, long], "dev": [], "test": [tested]}, []), tokens
    )
    assert split_of(deal) == {"xx/a": "train", "xx/c": "test"}
    write_aside(tmp_path / "aside.csv", deal.aside)
    with (tmp_path / "aside.csv").open(newline="") as file:
        columns, row = csv.reader(file)
    assert columns == ["id", "split", "text", "shared", "other", "other_split", "other_text"]
    assert row == ["xx/b", "train", "abcd", "too_many_tokens", "", "", ""]
    with pytest.raises(InputError, match="all 1 transcripts of train are longer than the model"):
        set_too_long_aside(SplitResult({"train": [long], "dev": [], "test": []}, []), tokens)


def test_room_for_tokens_may_depend_on_language_and_length():
    class Words:  # a CTC model has a frame's token at most
        def num_labels(self, text, language):
            return len(text.split()) * {"be": 1, "ka": 2}[language]

        def max_labels(self, duration_s):
            return duration_s

    two_words = {"text": "адзін два", "duration_s": 2.0}
    train = [utterance("a", **two_words), utterance("b", **two_words, language="ka"),
             utterance("c", text="адзін два тры", duration_s=2.0)]  # fmt: skip
    deal = set_too_long_aside(SplitResult({"train": train, "dev": [], "test": []}, []), Words())
    assert [one.id for one in deal.splits["train"]] == ["xx/a"]
    assert [leak.utterance.id for leak in deal.aside] == ["xx/b", "xx/c"]


def test_the_table_of_leaks_names_both_utterances(tmp_path):
    one, other = utterance("a", text="Так."), utterance("b", text="Так!")
    write_aside(tmp_path / "aside.csv", [Aside(one, "train", "sentence", other, "test")])
    with (tmp_path / "aside.csv").open(newline="") as file:
        _, row = csv.reader(file)
    assert row == ["xx/a", "train", "Так.", "sentence", "xx/b", "test", "Так!"]
