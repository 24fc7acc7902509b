from pathlib import Path

import pytest

from asr.errors import InputError
from asr.hypothesis import Hypothesis
from asr.scoring import by_group, score_utterances, summary
from asr.text import text_normalizer
from tests.examples import utterance

SOURCE = Path("data/hypotheses/base.jsonl")
SPOKEN = text_normalizer("spoken")


def heard(name, text, runaway=False):
    return Hypothesis(id=name, text=text, num_tokens=3, mean_log_prob=-0.5, runaway=runaway)


def scored(pairs):
    """Score (id, reference, hypothesis) triples; an id starts with its corpus."""
    utterances = [
        utterance(name[3:], corpus=name[:2], language=name[:2], text=text)
        for name, text, _ in pairs
    ]
    hypotheses = {name: heard(name, text) for name, _, text in pairs}
    return score_utterances(utterances, hypotheses, SOURCE, SPOKEN)


def test_one_normalizer_serves_both_sides():
    (one,) = scored([("be/a", "Адзін цэнт!", "адзін, цэнт")])
    assert (one.reference, one.hypothesis) == ("адзін цэнт", "адзін цэнт")
    assert one.words.num_errors == 0


def test_groups_are_pooled_over_all_corpora_and_languages():
    rows = scored([("be/a", "а б", "а в"), ("be/b", "а б", "а б"), ("bg/a", "а б", "а б в г")])
    groups = {name: summary(group) for name, group in by_group(rows).items()}
    assert list(groups) == ["overall", "corpus be", "corpus bg", "language be", "language bg"]
    # 1 substitution and 2 insertions in 6 words.
    assert groups["overall"]["wer"] == 0.5
    assert (groups["corpus be"]["wer"], groups["corpus bg"]["wer"]) == (0.25, 1.0)
    assert groups["overall"]["substitutions"] == 1
    assert groups["overall"]["insertions"] == 2


def test_a_reference_that_the_normalizer_empties_is_counted():
    assert summary(scored([("be/a", "…", "а")]))["num_empty_references"] == 1


def test_a_missing_hypothesis_is_refused():
    with pytest.raises(InputError, match=r"base.jsonl: no hypothesis for 1 of 2 .* first 'be/b'"):
        score_utterances(
            [utterance("a", corpus="be"), utterance("b", corpus="be")],
            {"be/a": heard("be/a", "")},
            SOURCE,
            SPOKEN,
        )


def test_a_hypothesis_for_nobody_is_refused():
    with pytest.raises(InputError, match=r"1 hypotheses for no utterance .* first 'be/z'"):
        score_utterances([], {"be/z": heard("be/z", "")}, SOURCE, SPOKEN)
