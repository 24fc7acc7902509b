import base64
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import soundfile

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.report.chart import linear_scale
from asr.report.formatting import interval
from asr.report.spectrogram import gray_png, shades, spectrogram_uri
from asr.report.training_curves import read_curve, training_panels
from asr.report.verdict import headline
from asr.report.word_diff import Word, word_diff
from asr.scoring.bootstrap import Verdict
from asr.training.progress import DEV_COLUMNS, TRAIN_COLUMNS
from asr.training.state.log import write_curve
from asr.utterances.waveform import SAMPLE_RATE
from tests.examples import tone
from tests.report_inputs import DEV_ROW, TRAIN_ROW, clip, render, write_guards, write_inputs


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and the text between them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def named(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def text_of(page):
    """What a reader sees, with one space between words."""
    return " ".join(" ".join(Tags(page.partition("</style>")[2]).text).split())


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_inputs(folder)
    return render(folder)


def test_nothing_comes_from_outside(page):
    assert not re.search(r"https?://|url\(|@import", page)
    for _, attrs in Tags(page).tags:
        for name in ("src", "srcset", "href", "data", "action", "poster"):
            assert attrs.get(name, "#").startswith(("#", "data:")), attrs


def test_a_transcript_is_text_and_never_markup(page):
    tags = Tags(page)
    assert len(tags.named("script")) == 1  # the page's own
    assert {one["class"] for one in tags.named("img")} == {"spectrogram"}  # the page's own
    assert "<script>alert(1)</script>" in tags.text  # a word of the reference, with its time
    assert "alert(2)" not in page  # hypotheses are shown as they were scored


def test_the_sound_is_the_clip_sample_for_sample(page):
    # By word errors of the tuned model: «evil», then «dog»; «cat» is heard without one, so last.
    players = Tags(page).named("audio")
    labels = [f"Recording of xx/{name}" for name in ("evil", "dog", "cat")]
    assert [one["aria-label"] for one in players] == labels
    for player, number in zip(players, (2, 1, 0), strict=True):
        kind, _, encoded = player["src"].partition(",")
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)), dtype="int16")
        assert (kind, rate) == ("data:audio/wav;base64", SAMPLE_RATE)
        assert samples.tobytes() == clip(number)
        assert (player["preload"], "controls" in player) == ("none", True)


def test_the_verdict_is_said_in_words(page):
    verdict = re.search(r'<h1 class="verdict">(.*?)</h1>', page, re.DOTALL)[1]
    # 10 words. Base: 2 + 1 errors, and 5 of «script alert адзін script конь». Tuned: 0 + 1 + 3.
    # Three utterances are too few for an interval.
    assert re.sub(r"<[^>]+>", "", verdict) == "No sure difference: WER 0.80 → 0.40"
    assert "<title>No sure difference: WER 0.80 → 0.40 – mothertongue</title>" in page
    assert "Of 3 gates: 0 pass, 2 fail, 1 not measured." in text_of(page)
    assert interval({"low": -0.45, "high": 0.05}, sign=True) == "[−0.45, +0.05]"


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_each_verdict_has_a_headline(verdict):
    wer = {"base": 0.5, "tuned": 0.5, "difference": 0.0, "verdict": verdict}
    metrics = SimpleNamespace(compare={"groups": {"overall": {"wer": wer}}})
    assert str(headline(metrics)).endswith("WER 0.50 → 0.50")


def test_what_the_split_says_is_shown(page):
    text = text_of(page)
    assert "Set aside, since test or dev has the like: sentence 3." in text
    assert "record <others>" in text


def test_views_and_slices_are_shown_with_their_normalizers(page):
    text = text_of(page)
    assert "duration 0 – 1 s 3 0.80 0.40" in text  # as above, of all three clips
    assert "raw 0.71" in text  # 5 of 7 words, as written
    assert "verbatim-1" in text and "open_asr-1/leaderboard" in text


def test_doubted_transcripts_are_there_to_hear(tmp_path, page):
    assert "Doubtful transcripts" not in page
    write_inputs(tmp_path, num_doubted=1)
    doubted = Tags(render(tmp_path))
    text = " ".join(" ".join(doubted.text).split())
    assert "xx/cat 0.50 s · be no speech, dropped Reference as transcribed чорны кот спіць" in text
    assert "Judge as heard брум-брум" in text
    assert "xx 10 1 10.0 % no speech 1 1" in text  # of 10 audited, with its share, fault, dropped
    assert doubted.named("audio")[-1]["aria-label"] == "Recording of xx/cat"


def test_what_the_language_model_changed_is_shown_if_there_was_one(tmp_path, page):
    assert "What the language model changed" not in page
    write_inputs(tmp_path, lm_languages=["be"])
    shown = render(tmp_path)
    assert "What the language model changed" in shown
    assert "<i>x</i>" not in shown  # transcripts are no markup


def test_the_gates_are_shown_with_what_is_not_measured(page):
    text = text_of(page)
    assert "first runs WER overall, at most 0.300 0.400 ✗ fail" in text
    assert "only corpora corpora trained on, only be be, bg ✗ fail" in text
    assert "word time coverage files with word times 0.800 – ○ not measured" in text


def test_the_champion_has_rows_of_its_own_if_there_is_one(tmp_path, page):
    assert "hampion" not in text_of(page)
    write_inputs(tmp_path, with_champion=True)
    text = text_of(render(tmp_path))
    # It has the base model's hypotheses.
    assert "overall 3 utterances, 10 words 0.800 0.400 −0.400 ○ no sure difference" in text
    assert "Against the champion v<1>: no sure difference, WER 0.80 → 0.40, −0.40." in text
    assert f"Champion v<1> , commit {'a' * 40}" in text


def test_a_further_test_set_has_a_row_in_all_tables(tmp_path, monkeypatch):
    write_inputs(tmp_path, with_champion=True)
    metrics, own = tmp_path / "metrics", tmp_path / "metrics" / "test_sets" / "phone"
    shutil.copytree(metrics / "score", own)
    shutil.copy(metrics / "compare.json", own)
    sha256 = read_json(own / "compare.json")["test_sha256"]
    write_json(own / "data.json", {"num_utterances": 3, "num_leaks": {"sentence": 4},
                                   "test_sha256": sha256})  # fmt: skip
    line = "test_sets: {phone: {format: jsonl, language: be, source: x}}"
    params = Path("params.yaml").read_text().replace("test_sets: {}", line)
    (tmp_path / "params.yaml").write_text(params)
    shutil.copytree("conf", tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    shown = render(tmp_path)
    text = text_of(shown)
    row = "test set phone 3 utterances, 10 words 0.800"
    assert text.count(row) == 2  # against the base model and the champion
    assert "test set phone, tuned" in text
    assert "phone 3 utterances, 4 left out" in text
    assert "<title>WER, test set phone</title>" in shown


def test_the_guards_stand_before_and_after_if_they_were_measured(tmp_path, page):
    assert "Guards" not in text_of(page)
    write_inputs(tmp_path)
    write_guards(tmp_path)
    shown = render(tmp_path)
    text = text_of(shown)
    assert "Text without speech, characters a minute 12.5 1.5" in text
    assert "Hypotheses with a loop 2.5 % 2.5 %" in text
    assert "Loops in joined recordings 1 of 2 1 of 2" in text
    assert "Hypotheses that are another clip's transcript of training 1.2 % 1.2 %" in text
    assert "WER of ru 0.75 0.62" in text
    assert "Language of ru named right 95 % 95 %" in text
    assert "Language of prompts" not in text  # it is null for both
    assert "Timestamps: valid 100 % 50 %" in text
    assert "дзякуй <b>за</b> прагляд 3 0" in text  # a phantom phrase, before and after
    assert "base white noise дзякуй <b>за</b> прагляд" in text
    assert "<b>за</b>" not in shown


def test_rejects_splits_and_the_audit_are_counted(page):
    text = text_of(page)
    assert "xx 9 0.10 7 1 2 0" in text  # kept, hours, rejected, dropped, repaired, with digits
    assert "too short 7 xx 7" in text
    assert "train 3 0.0 unknown xx 3" in text
    assert "xx 10 0 0.0 % none 1" in text  # of 10 audited, one dropped


def test_a_sample_of_the_audit_is_said_with_both_numbers(tmp_path, page):
    assert "sampled from" not in text_of(page)
    write_inputs(tmp_path)
    data = tmp_path / "metrics/data.json"
    write_json(data, read_json(data) | {"num_not_drawn_by_audit": {"xx": 6}})
    assert "xx 4 sampled from 10" in text_of(render(tmp_path))


def test_the_confidence_of_an_utterance_is_shown(page):
    # exp(-0.5)
    assert "3 errors in 5 words · WER 0.60 · CER 0.37 · confidence 0.61" in text_of(page)


def test_the_size_of_the_page_is_said(tmp_path, capsys):
    write_inputs(tmp_path)
    render(tmp_path)
    size = (tmp_path / "report.html").stat().st_size
    assert f"report.html, {size / 1e6:.1f} MB" in capsys.readouterr().out


def test_the_same_run_gives_the_same_bytes(tmp_path):
    write_inputs(tmp_path)
    assert render(tmp_path) == render(tmp_path)


@pytest.mark.parametrize("dev", [[], [DEV_ROW]])
@pytest.mark.parametrize("train", [[], [TRAIN_ROW]])
def test_curves_may_have_one_point_or_none(tmp_path, train, dev):
    write_inputs(tmp_path, train=train, dev=dev)
    page = render(tmp_path)
    assert page.count('<figure class="curves">') == 3 * len(train) + len(dev)
    assert ("no points" in page) is (not train and not dev)
    assert "nan" not in "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))


def test_a_model_without_errors_has_no_worst_utterance(tmp_path):
    write_inputs(tmp_path, [("cat", "чорны кот", "кот", "чорны кот")])
    assert "the tuned model heard every word" in render(tmp_path)


def test_a_missing_input_is_named(tmp_path):
    write_inputs(tmp_path)
    (tmp_path / "metrics" / "speed" / "tuned.json").unlink()
    with pytest.raises(OSError, match=r"speed/tuned\.json"):
        render(tmp_path)


def test_metrics_of_another_test_set_are_refused(tmp_path):
    write_inputs(tmp_path)
    lines = (tmp_path / "test.jsonl").read_text().replace("CC0-1.0", "CC-BY-4.0")
    (tmp_path / "test.jsonl").write_text(lines)
    with pytest.raises(InputError, match=r"compare\.json: test_sha256: expected '\w+', got '\w+'"):
        render(tmp_path)


def test_word_diff_names_what_was_said_and_what_was_heard():
    assert word_diff("the black cat sleeps here now", "a black sleeps here now soundly") == [
        Word("substitute", "the", "a"),
        Word("equal", "black", "black"),
        Word("delete", "cat", ""),
        Word("equal", "sleeps", "sleeps"),
        Word("equal", "here", "here"),
        Word("equal", "now", "now"),
        Word("insert", "", "soundly"),
    ]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "kinds"),
    [("", "a b", ["insert", "insert"]), ("a b", "", ["delete", "delete"]), ("", "", [])],
)
def test_word_diff_of_an_empty_side(reference, hypothesis, kinds):
    assert [word.kind for word in word_diff(reference, hypothesis)] == kinds


def test_the_best_step_is_the_last_that_was_marked(tmp_path):
    rows = [(0, 0.9, 1), (50, 0.4, 1), (100, 0.5, 0)]
    write_curve(tmp_path / "train.csv", TRAIN_COLUMNS, [])
    write_curve(tmp_path / "dev.csv", DEV_COLUMNS, [
        {"step": step, "wer": wer, "cer": wer / 2, "best": best} for step, wer, best in rows
    ])  # fmt: skip
    (panel,) = training_panels(tmp_path)
    assert panel.mark.text == "best 0.400, step 50"
    assert panel.numbers.names == ("WER", "CER")
    assert panel.numbers.rows == ((0, (0.9, 0.45)), (50, (0.4, 0.2)), (100, (0.5, 0.25)))
    assert (panel.mark.x, panel.mark.y) == (panel.x(50), panel.y(0.4))


def test_a_phase_has_a_line_with_the_groups_that_learn_and_each_group_a_rate(tmp_path):
    rates = {"lr_decoder": 1e-4, "lr_encoder.lower": 0.0, "lr_encoder.upper": 0.0}
    upper, both = {"lr_encoder.upper": 2e-5}, {"lr_encoder.upper": 2e-5, "lr_encoder.lower": 1e-5}
    rows = [
        {**TRAIN_ROW, "step": step, "phase": phase, **rates, **own}
        for step, phase, own in ((5, 1, {}), (8, 1, {}), (10, 2, upper), (15, 3, both))
    ]
    write_inputs(tmp_path)
    write_curve(tmp_path / "curves" / "train.csv", (*TRAIN_COLUMNS, "phase", *rates), rows)
    panels = {panel.title: panel for panel in training_panels(tmp_path / "curves")}
    assert len(panels) == 4
    for panel in panels.values():
        starts = [(panel.x(8), "decoder, encoder.upper"), (panel.x(10), "decoder, encoder")]
        assert [(start.x, start.text) for start in panel.starts] == starts
    names = [line.name for line in panels["Learning rate"].lines]
    assert names == ["decoder", "encoder.lower", "encoder.upper"]
    assert "from step 8 on: decoder, encoder.upper" in panels["Errors on dev"].summary
    assert render(tmp_path).count('<line class="start"') == 8


def test_a_curve_that_holds_no_number_is_named_with_its_line(tmp_path):
    path = tmp_path / "dev.csv"
    path.write_text("step,wer\n0,0.9\n50,much\n")
    with pytest.raises(InputError, match=r"dev\.csv:3: expected numbers, got .*'much'"):
        read_curve(path, ("step", "wer"))
    with pytest.raises(InputError, match=r"missing \['cer'\]"):
        read_curve(path, ("step", "cer"))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 0.93, (0, 0.5, 1)), (0, 300, (0, 100, 200, 300)), (0, 1e-4, (0, 5e-5, 1e-4)),
     (0, 0, (0, 0.5, 1)), (-3, 5, (-4, -2, 0, 2, 4, 6))],
)  # fmt: skip
def test_ticks_are_round_numbers_around_all_values(low, high, ticks):
    scale = linear_scale(low, high, 10, 110)
    assert scale.ticks == ticks
    assert (scale(ticks[0]), scale(ticks[-1])) == (10, 110)


def test_a_tone_is_a_dark_line_at_its_place_in_the_spectrogram():
    low, high = (shades(tone(1.0, hz=hz)) for hz in (200.0, 4_000.0))
    assert low.shape == (80, 100)
    assert (low.min(), low.max()) == (0, 15)
    assert low[:, 50].argmin() > 70 > 20 > high[:, 50].argmin()  # row 0 is the highest tone


def test_the_spectrogram_of_a_long_clip_is_no_larger():
    noise = np.random.default_rng(1).normal(0, 0.1, 30 * SAMPLE_RATE).astype(np.float32)
    assert shades(noise).shape[1] == 375
    assert len(spectrogram_uri(noise)) < 25_000
    assert len(spectrogram_uri(tone(1.4))) < 6_000


def test_a_picture_has_its_pixels():
    from PIL import Image

    pixels = np.array([[0, 15, 7], [1, 2, 3]], np.uint8)
    image = Image.open(io.BytesIO(gray_png(pixels)))
    assert (image.size, np.asarray(image).tolist()) == ((3, 2), (pixels * 17).tolist())
