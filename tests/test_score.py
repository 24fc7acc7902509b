from dataclasses import replace
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.scoring.normalizers import Normalizers
from asr.scoring.score import by_group, empty_references, score_utterances, summary
from asr.utterances.hypothesis import Hypothesis, write_hypotheses
from asr.utterances.utterance import write_manifest
from stages.score import score
from tests.examples import utterance

ROOT = Path(__file__).parents[1]

SOURCE = Path("data/hypotheses/base.jsonl")
NORMALIZERS = Normalizers({"default": "spoken", "sr": "bcs", "he": "hebrew"})


def heard(name, text, runaway=False):
    return Hypothesis(id=name, text=text, num_tokens=3, mean_log_prob=-0.5, runaway=runaway)


def scored(pairs, script="as_is"):
    """Score (id, reference, hypothesis) triples; an id starts with its corpus."""
    utterances = [
        utterance(name[3:], corpus=name[:2], language=name[:2], text=text)
        for name, text, _ in pairs
    ]
    hypotheses = {name: heard(name, text) for name, _, text in pairs}
    return score_utterances(utterances, hypotheses, SOURCE, NORMALIZERS, script)


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


def test_a_reference_that_the_normalizer_empties_is_counted_and_named():
    rows = scored([("be/a", "…", "а"), ("be/b", "б", "б"), ("sr/c", "[smeh]", "")])
    assert summary(rows)["num_empty_references"] == 2
    assert empty_references(rows) == ["be/a", "sr/c"]


def test_a_summary_has_rates_counts_and_runaways():
    # Of six words, «б» is another, «в» and «г» are missing, and «я» is added.
    rows = scored([("be/a", "а б в г", "а д"), ("be/b", "а б", "а б я")])
    assert summary([*rows[:1], replace(rows[1], runaway=True)]) == {
        "wer": 0.666667, "cer": 0.7, "num_utterances": 2, "num_words": 6, "num_chars": 10,
        "substitutions": 1, "deletions": 2, "insertions": 1, "num_runaways": 1,
        "runaway_rate": 0.5, "num_empty_references": 0, "num_unspelled_references": 0,
    }  # fmt: skip
    silent = summary(scored([("be/a", "…", "")]))
    assert (silent["wer"], silent["cer"]) == (None, None)
    assert summary([])["runaway_rate"] is None


def test_references_with_digits_or_signs_that_no_words_replace_are_counted():
    rows = scored([("bg/a", "5 лева", "пет лева"), ("sl/b", "5 €", "pet"), ("be/c", "5", "пяць")])
    assert summary(rows)["num_unspelled_references"] == 2
    assert [one.words.num_errors for one in rows] == [1, 1, 0]  # the hypothesis lacks «€»


def test_each_language_has_its_own_normalizer():
    hebrew, belarusian = scored([("he/a", "שָׁלוֹם", "שלום"), ("be/b", "Так!", "так")])
    assert (hebrew.reference, hebrew.hypothesis) == ("שלום", "שלום")
    assert (belarusian.reference, belarusian.hypothesis) == ("так", "так")
    ids = Normalizers({"default": "spoken", "he": "hebrew"}).ids(["he", "be", "he"])
    assert list(ids) == ["be", "he"]
    assert ids["he"] == f"hebrew-1/{ids['be']}"
    with pytest.raises(InputError, match="no 'spokn' in"):
        Normalizers({"default": "spoken", "he": "spokn"})


def test_scores_in_another_script_have_another_id():
    names = {"default": "spoken", "sr": "bcs"}
    plain, latin = (Normalizers(names, script).ids(["be", "sr"]) for script in ("as_is", "latin"))
    assert latin == {"be": plain["be"], "sr": f"{plain['sr']}/latin"}


def test_beside_the_plain_score_stands_one_that_is_blind_to_the_script():
    rows = scored([("sr/a", "Ljubav je sve", "љубав је све"), ("sr/b", "Да, знам", "да не знам")])
    # The first is right but for its script, the second has one word too many.
    counts = summary(rows)
    assert counts["wer"] == 0.8  # 3 substitutions and 1 insertion in 5 words
    assert counts["wer_script_blind"] == 0.2
    assert counts["cer_script_blind"] < counts["cer"]
    # In Latin letters: one of the six of «ljubav», where Cyrillic has five.
    assert summary(scored([("sr/a", "Љубав", "љубац")]))["cer_script_blind"] == 0.166667


def test_elsewhere_there_is_no_such_score_and_overall_takes_the_plain_one():
    rows = scored([("be/a", "а б", "a б"), ("sr/b", "а б", "a b")])  # Latin letters
    groups = {name: summary(group) for name, group in by_group(rows).items()}
    assert "wer_script_blind" not in groups["language be"]
    assert groups["language sr"]["wer_script_blind"] == 0.0
    assert groups["overall"]["wer"] == 0.75
    assert groups["overall"]["wer_script_blind"] == 0.25


def test_the_script_that_was_to_be_written_is_asked_for():
    pairs = [("sr/a", "Ljubav je sve", "љубав је све")]
    assert summary(scored(pairs, script="cyrillic"))["wer"] == 0.0
    assert summary(scored(pairs, script="latin"))["wer"] == 1.0


def test_a_missing_hypothesis_is_refused():
    with pytest.raises(InputError, match=r"base.jsonl: no hypothesis for 1 of 2 .* first 'be/b'"):
        score_utterances(
            [utterance("a", corpus="be"), utterance("b", corpus="be")],
            {"be/a": heard("be/a", "")},
            SOURCE,
            NORMALIZERS,
            "as_is",
        )


def test_a_hypothesis_for_nobody_is_refused():
    with pytest.raises(InputError, match=r"1 hypotheses for no utterance .* first 'be/z'"):
        score_utterances([], {"be/z": heard("be/z", "")}, SOURCE, NORMALIZERS, "as_is")


@pytest.mark.parametrize("lacking", [{}, {"num_unknown_letters": 3}])
def test_letters_that_the_model_lacks_are_in_the_metrics(tmp_path, monkeypatch, lacking):
    monkeypatch.chdir(ROOT)  # where params.yaml is
    one = utterance("a", text="Жук")
    files = [tmp_path / name for name in ("test.jsonl", "h.jsonl", "timing.json", "lm.json")]
    write_manifest(files[0], [one])
    write_hypotheses(files[1], [heard(one.id, "ук")])
    write_json(files[2], {"rtfx": 9.0})
    write_json(files[3], {"languages": {}, "changed": [], **lacking})
    score("test", *files, tmp_path / "score.json", tmp_path / "speed.json")
    found = read_json(tmp_path / "score.json")
    assert {key: found[key] for key in found if key == "num_unknown_letters"} == lacking
    assert "language_model" not in found
    assert read_json(tmp_path / "speed.json") == {"rtfx": 9.0}
