# python -m pytest tests/test_splitting.py
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import InputError
from asr.schemas.split import Params
from asr.splitting import SPLITS, check_no_leak, group_utterances, split_utterances
from tests.examples import utterance

PARAMS = Params(dev_share=0.1, test_share=0.2)


def names(groups):
    return [[one.id.removeprefix("xx/") for one in group] for group in groups]


def test_sentence_recording_speaker_and_session_each_tie():
    sha = "f" * 64
    groups = group_utterances(
        [
            utterance("a", text="Павук."),
            utterance("b", text="«павук»", sha256=sha),
            utterance("c", sha256=sha, speaker_id="s1"),
            utterance("d", speaker_id="s1", session_id="t1"),
            utterance("e", session_id="t1"),
            utterance("alone"),
        ]
    )
    assert names(groups) == [["a", "b", "c", "d", "e"], ["alone"]]


def test_what_is_unknown_or_of_another_language_or_corpus_does_not_tie():
    groups = group_utterances(
        [
            utterance("unknown speaker"),
            utterance("unknown speaker too"),
            utterance("be", text="Так", language="be"),
            utterance("bg", text="Так", language="bg"),
            utterance("xx", speaker_id="1", session_id="1"),
            utterance("yy", speaker_id="1", session_id="1", corpus="yy"),
        ]
    )
    assert [len(group) for group in groups] == [1] * 6


def test_every_corpus_gets_its_shares():
    utterances = [utterance(str(n)) for n in range(100)]
    utterances += [utterance(str(n), corpus="yy", text=f"Other {n}") for n in range(50)]
    utterances = [u.model_copy(update={"sha256": f"{i:064}"}) for i, u in enumerate(utterances)]
    deal = split_utterances(utterances, PARAMS, seed=1)
    counts = {split: Counter(one.corpus for one in deal[split]) for split in SPLITS}
    assert counts == {
        "train": {"xx": 70, "yy": 35},
        "dev": {"xx": 10, "yy": 5},
        "test": {"xx": 20, "yy": 10},
    }


@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_the_smallest_corpora_fill_every_split(count):
    for seed in range(20):
        deal = split_utterances([utterance(str(n)) for n in range(count)], PARAMS, seed)
        assert all(deal.values())


def test_three_speakers_fill_every_split():
    utterances = [utterance(str(n), speaker_id=f"s{n % 3}") for n in range(30)]
    deal = split_utterances(utterances, PARAMS, seed=1)
    assert {split: len(deal[split]) for split in SPLITS} == {"train": 10, "dev": 10, "test": 10}


def test_too_few_groups_are_told_by_corpus_and_split():
    utterances = [utterance(str(n), speaker_id=f"s{n % 2}") for n in range(10)]
    with pytest.raises(InputError, match=r"no utterance for xx: train; .*three groups.*'xx': 10"):
        split_utterances(utterances, PARAMS, seed=1)


def test_the_order_given_is_kept_and_another_seed_deals_otherwise():
    utterances = [utterance(str(n)) for n in range(50)]
    one, two = (split_utterances(utterances, PARAMS, seed) for seed in (1, 2))
    assert [u.id for u in one["train"]] == [u.id for u in utterances if u in one["train"]]
    assert one["test"] != two["test"]
    assert one == split_utterances(utterances, PARAMS, seed=1)


def test_a_tenth_more_data_moves_few_of_the_old():
    old = [utterance(str(n)) for n in range(1000)]
    more = old + [utterance(f"new {n}") for n in range(100)]
    before = split_of(split_utterances(old, PARAMS, seed=1))
    after = split_of(split_utterances(more, PARAMS, seed=1))
    assert sum(before[one.id] != after[one.id] for one in old) <= 20


def split_of(deal):
    return {one.id: split for split, utterances in deal.items() for one in utterances}


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
        deal = split_utterances(utterances, PARAMS, seed)
    except InputError as error:
        assert re.search("needs at least three groups", str(error))
        return
    assert sorted(split_of(deal)) == sorted(one.id for one in utterances)
    for trait in ("text", "sha256", "speaker_id", "session_id"):
        homes: dict = {}
        for split, dealt in deal.items():
            for one in dealt:
                if (value := getattr(one, trait)) is not None:
                    corpus = one.corpus if trait.endswith("_id") else ""
                    assert homes.setdefault((corpus, value), split) == split


def test_a_leak_names_the_pair_and_what_they_share():
    deal = {"train": [utterance("a", text="Павук.")], "test": [utterance("b", text="Павук!")]}
    message = "1 leaks: train xx/a and test xx/b share sentence 'павук'"
    with pytest.raises(InputError, match=message):
        check_no_leak(deal)
