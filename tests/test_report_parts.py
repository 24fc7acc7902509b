# python -m pytest tests/test_report_parts.py
import base64
import io
from collections import Counter

import jiwer
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from asr.core.files import write_json
from asr.report.chart import panel
from asr.report.confusions import Confusion, char_confusions, word_confusions
from asr.report.dots import dot_chart
from asr.report.formatting import visible, visible_char
from asr.report.heat_map import HeatCell, heat_map
from asr.report.markdown import escaped, markdown_of
from asr.report.metrics import SliceRow
from asr.report.players import audio_uris
from asr.report.slices import MOST_ROWS, slice_charts
from asr.report.tables import Cell, Column, table
from asr.report.word_diff import word_diff
from asr.scoring.score import Scored
from asr.text.edits import char_edits, word_edits
from asr.text.error_rate import char_errors, word_errors
from asr.utterances.waveform import SAMPLE_RATE
from commands.scores import main, markdown_table
from tests.examples import utterance
from tests.report_inputs import write_guards, write_inputs

texts = st.lists(st.sampled_from(["kot", "kat", "tut", "a"]), max_size=6).map(" ".join)


def scored(reference, hypothesis, duration_s=1.0):
    words, chars = word_errors(reference, hypothesis), char_errors(reference, hypothesis)
    one = utterance("clip", duration_s=duration_s)
    return Scored(one, reference, hypothesis, words, chars, words, chars, runaway=False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("кот\u202eток", "кот⟨U+202E⟩ток"),  # shows what follows backwards
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("null\x00", "null⟨U+0000⟩"),
        ("\ufeffbom \x1b[0m", "⟨U+FEFF⟩bom ⟨U+001B⟩[0m"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # a joiner is spelling
        ("a\nb", "a\nb"),
    ],
)
def test_control_characters_are_made_visible(text, shown):
    assert visible(text) == shown


def test_a_space_and_an_accent_are_seen_alone():
    assert [visible_char(char) for char in (" ", "\u0301", "a", "\u202e")] == [
        "␣", "◌\u0301", "a", "⟨U+202E⟩",
    ]  # fmt: skip


def test_confusions_are_counted_in_both_models_most_frequent_first():
    tuned = [scored("a b", "a c"), scored("b d", "c e"), scored("a q", "a"), scored("a", "a x")]
    base = [scored("b", "c")]
    found = word_confusions(base, tuned, most=9)
    assert found.substituted == [Confusion("b", "c", 2, 1), Confusion("d", "e", 1, 0)]
    assert found.deleted == [Confusion("q", "", 1, 0)]
    assert found.inserted == [Confusion("", "x", 1, 0)]
    assert word_confusions(base, tuned, most=1).substituted == [Confusion("b", "c", 2, 1)]


def test_characters_are_aligned_within_words():
    found = char_confusions([], [scored("паун", "палн"), scored("кот тут", "котут")], most=9)
    assert found.substituted == [Confusion("у", "л", 1, 0)]
    assert sorted(one.reference for one in found.deleted) == [" ", "т"]


@given(texts, texts)
def test_an_alignment_has_the_errors_that_are_scored(reference, hypothesis):
    counts = word_errors(reference, hypothesis)
    kinds = Counter(edit.kind for edit in word_edits(reference, hypothesis))
    expected = counts.substitutions, counts.deletions, counts.insertions
    assert (kinds["substitute"], kinds["delete"], kinds["insert"]) == expected
    assert kinds.total() == counts.num_errors
    kinds = Counter(edit.kind for edit in char_edits(reference, hypothesis))
    assert kinds.total() == char_errors(reference, hypothesis).num_errors


@given(texts, texts)
def test_an_alignment_has_all_words_of_both_texts_as_jiwer_aligns_them(reference, hypothesis):
    diff = word_diff(reference, hypothesis)
    assert [word.reference for word in diff if word.reference] == reference.split()
    assert [word.hypothesis for word in diff if word.hypothesis] == hypothesis.split()
    aligned = jiwer.process_words(reference, hypothesis).alignments[0]
    kinds = [
        chunk.type
        for chunk in aligned
        for _ in range(
            max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        )
    ]
    assert [word.kind for word in diff] == kinds


def test_errors_fall_into_the_part_of_the_clip_that_they_are_in():
    # 16 characters, so two a part. The second is wrong; two are added, around the last.
    rows = heat_map([scored("abcdefghijklmnop", "aXcdefghijklmnoYpZ", duration_s=3.0)])
    (row,) = rows
    assert (row.duration, row.num_utterances) == ("2 – 4 s", 1)
    assert [cell.rate for cell in row.cells] == [0.5, 0, 0, 0, 0, 0, 0, 1.0]
    assert [cell.num_chars for cell in row.cells] == [2] * 8


def test_a_reference_that_is_shorter_than_the_parts_leaves_some_empty():
    (row,) = heat_map([scored("ab", "ab")])
    assert [cell.num_chars for cell in row.cells] == [1, 0, 0, 0, 1, 0, 0, 0]
    assert (row.cells[0].level, row.cells[1].level) == (0, -1)
    assert HeatCell(2.5, 4).level == 6


def test_dots_are_in_percent_and_a_rate_without_interval_has_none():
    rates = {"base": 1.0, "base_interval": {"low": 0.5, "high": 1.0}, "tuned": 0.25,
             "tuned_interval": None}  # fmt: skip
    chart = dot_chart("WER", [("overall", "", rates)], ("base", "tuned"))
    assert chart.ticks[:2] == ((0.0, "0"), (20.0, "0.2")) and chart.ticks[-1] == (100.0, "1")
    base, tuned = chart.rows[0].dots
    assert (base.x, base.low, base.high) == (100.0, 50.0, 100.0)
    assert (tuned.x, tuned.low, tuned.high) == (25.0, None, None)
    assert chart.rows[0].summary == "base 1.00 [0.50, 1.00]; tuned 0.25"


def test_the_table_of_a_long_curve_has_a_dozen_steps_with_the_first_and_the_last():
    curve = panel("Loss", {"loss": [(step, 1.0) for step in range(5, 400, 5)]}, None)
    steps = [step for step, _ in curve.numbers.rows]
    assert steps[0] == 5 and steps[-1] == 395 and 10 <= len(steps) <= 13


def slice_row(kind, value, wer, num=5):
    score = {"wer": wer, "wer_interval": None, "cer": wer, "num_utterances": num}
    return SliceRow(kind, value, {"base": score, "tuned": score})


def test_a_kind_of_slices_that_cuts_as_another_is_shown_once():
    rows = [slice_row("corpus", "be", 0.4), slice_row("corpus", "bg", 0.5),
            slice_row("language", "be", 0.4), slice_row("language", "bg", 0.5)]  # fmt: skip
    assert [chart.title for chart in slice_charts(rows)] == ["corpus"]
    assert len(slice_charts([*rows[:3], slice_row("language", "bg", 0.6)])) == 2


def test_of_many_slices_the_worst_are_shown():
    speakers = [slice_row("speaker", f"s{number}", number / 100) for number in range(30)]
    (chart,) = slice_charts(speakers)
    assert chart.title == "speaker, worst 10 of 30"
    assert [row.name for row in chart.rows] == [f"s{n}" for n in range(30 - MOST_ROWS, 30)]


def samples_of(uri):
    return soundfile.read(io.BytesIO(base64.b64decode(uri.partition(",")[2])), dtype="int16")[0]


def test_audio_survives_at_full_scale():
    (uri,) = audio_uris([np.array([1.0, -1.0, 0.0], dtype=np.float32)])
    assert samples_of(uri).tolist() == [32767, -32768, 0]


def test_clips_that_would_make_the_page_too_large_are_compressed_and_then_left_out():
    noise = np.random.default_rng(1).normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32)
    clips = [noise, noise, noise]
    flac = audio_uris(clips)
    assert all(uri.startswith("data:audio/flac;") for uri in flac)
    mp3 = audio_uris(clips, most_bytes=sum(map(len, flac)) - 1)
    assert all(uri.startswith("data:audio/mpeg;") for uri in mp3)
    assert abs(len(samples_of(mp3[0])) - len(noise)) < 2000
    few = audio_uris(clips, most_bytes=2 * len(mp3[0]))
    assert [bool(uri) for uri in few] == [True, True, False]


def test_a_table_in_markdown_shows_names_as_they_are():
    columns = (Column("Slice", kind="word"), Column("WER"))
    rows = [(Cell("a|b <i> _x_ @me\n#1 \u202e", "5 utterances"), Cell("0.50", "[0.40, 0.60]"))]
    assert markdown_of(table("", columns, rows)).splitlines() == [
        "| Slice | WER |",
        "| --- | ---: |",
        r"| a\|b \<i\> \_x\_ \@me \#1 ⟨U+202E⟩: 5 utterances | 0.50 \[0.40, 0.60\] |",
    ]
    assert escaped("`code` *x* [a](b) ~y~") == r"\`code\` \*x\* \[a\](b) \~y\~"


def test_the_short_report_has_the_verdict_first(tmp_path, monkeypatch, capsys):
    write_inputs(tmp_path, with_champion=True)
    write_guards(tmp_path)
    monkeypatch.setattr("commands.scores.METRICS", tmp_path / "metrics")
    monkeypatch.setattr("sys.argv", ["scores", "--markdown"])
    assert main() == 0
    page = capsys.readouterr().out
    assert page.startswith("## No sure difference: WER 0.80 → 0.40\n")
    assert markdown_table(tmp_path / "metrics") in page
    assert r"Against the champion v\<1\>: no sure difference" in page
    assert "| first runs: WER overall, at most | 0.300 | 0.400 | fail |" in page
    assert "| WER of ru | 0.75 | 0.62 |" in page
    assert page.index("### Scores") < page.index("### Scorecard") < page.index("### Guards")


def test_without_gates_or_guards_the_short_report_has_no_section_for_them(
    tmp_path, monkeypatch, capsys
):
    write_inputs(tmp_path)
    write_json(tmp_path / "metrics" / "scorecard.json", {"gates": {}})
    monkeypatch.setattr("commands.scores.METRICS", tmp_path / "metrics")
    monkeypatch.setattr("sys.argv", ["scores", "--markdown"])
    main()
    assert "### S" in (page := capsys.readouterr().out)
    assert "Scorecard" not in page and "Guards" not in page
