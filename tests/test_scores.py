import pytest

from asr.core.files import write_json
from commands.picture import scores_svg
from commands.scores import detail_lines, lm_lines, main, markdown_table, text_table


def comparison(base, tuned):
    def rates(a, b):
        around = {"low": a - 0.1, "high": a + 0.1}
        return {
            "base": a, "tuned": b, "difference": round(b - a, 6), "verdict": "better",
            "base_interval": around, "tuned_interval": {"low": b - 0.1, "high": b + 0.1},
            "difference_interval": {"low": b - a - 0.1, "high": b - a + 0.1},
        }  # fmt: skip

    return {"wer": rates(base, tuned), "cer": rates(0.5, 0.25), "num_utterances": 10}


def write(folder):
    groups = {"corpus be": comparison(0.9, 0.4), "language be": comparison(0.9, 0.4),
              "overall": comparison(1.0, 0.5)}  # fmt: skip
    write_json(folder / "compare.json", {"groups": groups})


def test_markdown_has_overall_first_and_no_language(tmp_path):
    write(tmp_path)
    lines = markdown_table(tmp_path).splitlines()
    assert lines[2] == (
        "| overall | 1.000 [0.900, 1.100] | 0.500 [0.400, 0.600] | -0.500 [-0.600, -0.400] "
        "| better | 0.500 → 0.250 | 10 |"
    )
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| overall", "| corpus be"]


def test_text_columns_are_aligned(tmp_path):
    write(tmp_path)
    lines = text_table(tmp_path).splitlines()
    assert len({line.index(word) for line, word in zip(lines, ("verdict", "better", "better"),
                                                       strict=True)}) == 1  # fmt: skip


def test_a_group_without_intervals_has_its_rates_alone(tmp_path):
    few = comparison(0.9, 0.4)
    few["wer"] |= dict.fromkeys(["base_interval", "tuned_interval", "difference_interval"])
    few["wer"]["verdict"] = "inconclusive"
    write_json(tmp_path / "compare.json", {"groups": {"overall": few}})
    row = "| overall | 0.900 | 0.400 | -0.500 | inconclusive | 0.500 → 0.250 | 10 |"
    assert markdown_table(tmp_path).splitlines()[2] == row
    bars = scores_svg({"confidence": 0.95, "groups": {"overall": few}})
    assert (bars.count("<rect"), "NaN" in bars) == (3, False)


def test_a_champion_of_a_further_test_set_alone_has_its_columns(tmp_path, monkeypatch):
    write(tmp_path)
    compared = comparison(0.8, 0.4)
    wer = compared["wer"] | {"champion": 0.5, "champion_interval": None}
    write_json(tmp_path / "test_sets/phone/compare.json", {
        "groups": {"overall": compared}, "champion": {"groups": {"overall": {"wer": wer}}},
    })  # fmt: skip
    monkeypatch.setattr("commands.scores.test_set_names", lambda: ["phone"])
    assert {line.count("|") for line in markdown_table(tmp_path).splitlines()} == {11}
    assert "0.500" in text_table(tmp_path).splitlines()[-1]


def test_what_the_language_model_changed_is_said_with_examples(tmp_path):
    write(tmp_path)
    assert lm_lines(tmp_path) == []
    be = {"wer_without": 0.5, "wer_with": 0.25, "num_changed": 1, "words_gained": 2,
          "words_lost": 0}  # fmt: skip
    example = {"reference": "чорны кот", "without": "чорный код", "with": "чорны кот"}
    effect = {"languages": {"be": be}, "examples": [example]}
    write_json(tmp_path / "score/tuned.json", {"language_model": effect})
    assert lm_lines(tmp_path) == [
        "Language model, be: WER 0.500 without, 0.250 with; 2 words gained, 0 lost in 1 utterances",
        "  чорный код → чорны кот (чорны кот)",
    ]


def test_views_the_worst_slice_and_empty_references_are_said(tmp_path):
    assert detail_lines(tmp_path) == []
    worst = {"kind": "duration", "value": "0 – 1 s", "wer": 0.7, "num_utterances": 34,
             "num_slices": 9, "wer_interval": {"low": 0.6, "high": 0.8}}  # fmt: skip
    views = {"profile": {"wer": 0.5}, "open_asr": {"wer": None}}
    score = {"views": views, "worst_slice": worst, "empty_references": ["be/a", "be/b"]}
    write_json(tmp_path / "score/tuned.json", score)
    assert detail_lines(tmp_path) == [
        "WER in other views: open_asr –, profile 0.500",
        "Worst of 9 slices: duration 0 – 1 s, WER 0.700 [0.600, 0.800], 34 clips",
        "References that are empty after normalization: 2, first be/a; all words of their "
        "hypotheses count as errors",
    ]
    write_json(tmp_path / "score/tuned.json", {"worst_slice": None, "empty_references": []})
    assert detail_lines(tmp_path) == []


def test_before_the_first_run_the_command_to_run_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["scores"])
    with pytest.raises(SystemExit, match=r"metrics/compare\.json: there is none yet; `dvc repro` "):
        main()
