"""Further test sets: sampled by hash, and without what training has seen."""

import csv
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.core.errors import InputError
from asr.corpora.params import TestSet
from asr.splits.params import SplitParams
from asr.splits.test_set import counts, sample_test_set
from tests.examples import utterance

SPLIT = SplitParams(
    seed=1, dev_share=0.1, test_share=0.2, given="keep",
    disjoint=["sentence", "speaker", "session"], near_duplicate=0.8, stratify_by="",
)  # fmt: skip
SIGN = "Знак «{}» вісіць на белай сцяне каля старых дубовых дзвярэй."


def line(**fields):
    return TestSet(**{"format": "jsonl", "language": "be", "source": "fleurs"} | fields)


def of_set(name, **fields):
    return utterance(name, corpus="fleurs", **fields)


def sample(utterances, seen=(), same_source=(), params=SPLIT, **fields):
    return sample_test_set(
        "fleurs", utterances, {"train": list(seen)}, line(**fields), same_source, params
    )


TRAIN = [
    utterance("1", corpus="be", text="Лось."),
    utterance("2", corpus="be", text=SIGN.format("А")),
    utterance("3", corpus="be", sha256="e" * 64),
    utterance("4", corpus="be", speaker_id="anna"),
]
LEAKS = {
    "sentence": of_set("same sentence", text="«лось»!"),
    "near_duplicate": of_set("a letter else", text=SIGN.format("Б")),
    "recording": of_set("same audio", sha256="e" * 64),
}
CLEAN = [of_set("new"), of_set("another Anna", speaker_id="anna")]


def test_what_leaks_is_left_out_with_the_reason_and_what_it_shares():
    scored, found = sample([*LEAKS.values(), *CLEAN], TRAIN, on_leak="drop_from_test")
    assert scored == CLEAN
    assert {leak.reason: leak.utterance for leak in found} == LEAKS
    assert [leak.other.id for leak in found if leak.reason == "recording"] == ["be/3"]
    assert counts(scored, found, {"too_short": 2}) == {
        "num_utterances": 2,
        "seconds": 2.0,
        "num_leaks": {"near_duplicate": 1, "recording": 1, "sentence": 1},
        "num_rejected": {"too_short": 2},
    }


def test_a_leak_stops_and_names_the_pair():
    expected = (
        r"test_sets\.fleurs: expected nothing that training has seen, got 1 of 3 utterances, such "
        r"as: fleurs/same audio and train be/3 share recording 'Sentence same audio\.'\. "
    )
    with pytest.raises(InputError, match=expected):
        sample([LEAKS["recording"], *CLEAN], TRAIN)


def test_a_speaker_is_the_same_where_the_source_is():
    scored, found = sample(CLEAN, TRAIN, same_source={"be"}, on_leak="drop_from_test")
    assert scored == CLEAN[:1]
    assert [leak.reason for leak in found] == ["speaker"]


def test_params_say_what_may_be_shared():
    loose = SPLIT.model_copy(update={"disjoint": [], "near_duplicate": 0.0})
    _, found = sample([*LEAKS.values(), *CLEAN], TRAIN, params=loose, on_leak="drop_from_test")
    assert [leak.reason for leak in found] == ["recording"]


def test_of_a_corpus_with_splits_only_test_is_scored():
    ones = [of_set(name, attributes={"split": name}) for name in ("train", "dev", "test")]
    assert sample(ones)[0] == ones[2:]
    with pytest.raises(InputError, match=r"of its split test, got \{'train': 1, 'dev': 1\}"):
        sample(ones[:2])


def test_a_test_set_of_leaks_alone_is_refused():
    with pytest.raises(InputError, match="all 3 utterances leak from training"):
        sample(list(LEAKS.values()), TRAIN, on_leak="drop_from_test")


@given(st.integers(1, 30), st.integers(1, 30), st.permutations(range(30)))
def test_a_larger_sample_holds_a_smaller_one_in_any_order(few, many, order):
    few, many = sorted((few, many))
    ones = [of_set(str(number)) for number in order]
    small, large = (sample(ones, max_samples=num)[0] for num in (few, many))
    assert len(small) == few
    assert {one.id for one in small} <= {one.id for one in large}
    assert large == [one for one in ones if one in large]


@pytest.mark.integration
def test_one_line_in_params_adds_a_test_set_and_reruns_nothing_else(reproduced, tmp_path):
    repo = reproduced.clone(tmp_path / "clone")
    repo.share_cache_of(reproduced)
    repo.run("dvc", "checkout")
    repo.set_params({
        "+test_sets.ru": {"format": "stamps", "language": "ru", "source": "tuxpaint_stamps",
                          "max_samples": 3, "on_leak": "drop_from_test", "normalizer": "verbatim"},
    })  # fmt: skip
    ran = re.findall("Running stage '(.+)'", repo.run("dvc", "repro"))
    own = {
        "fetch_test@ru", "prepare_test@ru", "test_set@ru", "champion_test@ru",
        "transcribe_test@ru-base", "transcribe_test@ru-tuned", "score_test@ru-base",
        "score_test@ru-tuned", "compare_test@ru",
    }  # fmt: skip
    assert set(ran) == {*own, "licenses", "report", "package"}
    assert "| ru | GPL-2.0-only |" in (repo.folder / "DATA_LICENSES.md").read_text()
    metrics = repo.folder / "metrics/test_sets/ru"
    found = {path.stem: json.loads(path.read_text()) for path in metrics.glob("*.json")}
    assert found["data"]["num_utterances"] == 3
    assert found["tuned"]["normalizers"]["ru"].startswith("verbatim")
    assert found["compare"]["test_sha256"] == found["data"]["test_sha256"]
    assert "test set ru" in (repo.folder / "metrics/report.html").read_text()
    assert "test set ru" in repo.run("python", "-m", "commands.scores")
    with (repo.folder / "data/test_sets/leaks/ru.csv").open(newline="") as file:
        assert all(row["shared"] for row in csv.DictReader(file))
