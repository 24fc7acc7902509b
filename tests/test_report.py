import base64
import io
import re
import shutil
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from asr.audit.table import read_suspects, write_audit
from asr.core.errors import InputError
from asr.core.files import write_json
from asr.report.chart import linear_scale
from asr.report.page import interval
from asr.report.spectrogram import gray_png, shades, spectrogram_uri
from asr.report.training_curves import read_curve, training_panels
from asr.report.word_diff import Confusion, Word, confusions, word_diff
from asr.report.worst import audio_uri
from asr.training.progress import DEV_COLUMNS, TRAIN_COLUMNS
from asr.training.state.log import write_curve
from asr.utterances.hypothesis import Hypothesis, write_hypotheses
from asr.utterances.jsonl import write_jsonl
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.utterances.waveform import SAMPLE_RATE, to_int16
from stages.compare import compare
from stages.report import report
from stages.score import score
from tests.audit_csv import audited
from tests.examples import tone, utterance

# name, reference, base hypothesis, tuned hypothesis
CLIPS = [
    ("cat", "чорны кот спіць", "чорт кот", "чорны кот спіць"),
    ("dog", "рыжы сабака", "рыжы", "рыжы сабака гаўкае"),
    ("evil", "<script>alert(1)</script> конь", "<img src=x>", "</p><script>alert(2)</script>"),
]
TRAIN_ROW = {"step": 5, "epoch": 1, "loss": 2.5, "lr": 1e-4, "grad_norm": 3.0, "audio_s": 60.0}
DEV_ROW = {"step": 5, "wer": 0.5, "cer": 0.25, "best": 1}


def clip(number):
    return to_int16(tone(0.5, hz=300.0 + 100 * number)).tobytes()


def write_inputs(
    folder,
    clips=CLIPS,
    train=(TRAIN_ROW,),
    dev=(DEV_ROW,),
    num_doubted=0,
    lm_languages=(),
    with_champion=False,
):
    """Write what the stages before `report` write, for a handful of clips."""
    shards = folder / "prepared" / "xx"
    shards.mkdir(parents=True)
    audio = [clip(number) for number in range(len(clips))]
    utterances = [
        utterance(name, text=text, duration_s=0.5, sha256=sha256(samples).hexdigest())
        for (name, text, _, _), samples in zip(clips, audio, strict=True)
    ]
    written = write_shards(shards, zip(utterances, audio, strict=True), max_bytes=1 << 20)
    audit = folder / "audit" / "xx.csv"
    write_audit(audit, audited(written, num_dropped=num_doubted))
    write_jsonl(folder / "suspects.jsonl", read_suspects(audit, written))
    manifest = folder / "test.jsonl"
    write_manifest(manifest, written)
    for model, column in (("base", 2), ("tuned", 3)):
        heard = folder / "hypotheses" / f"{model}.jsonl"
        write_hypotheses(heard, [
            Hypothesis(id=one.id, text=row[column], num_tokens=3, mean_log_prob=-0.5, runaway=False)
            for one, row in zip(written, clips, strict=True)
        ])  # fmt: skip
        timing = folder / "timing.json"
        write_json(timing, {"audio_s": 1.5, "decode_s": 0.5, "rtfx": 3.0, "device": "cpu",
                            "num_utterances": len(clips)})  # fmt: skip
        changes = folder / "changes.json"
        changed = [{"id": written[0].id, "without": "<i>x</i>", "with": clips[0][column]}]
        languages = {one: {"unknown_word": 2.0} for one in lm_languages}
        write_json(changes, {"languages": languages, "changed": changed if languages else []})
        score("test", manifest, heard, timing, changes,
              folder / "metrics" / "score" / f"{model}.json",
              folder / "metrics" / "speed" / f"{model}.json")  # fmt: skip
    released = {"name": "v<1>", "commit": "a" * 40, "normalizers": None}
    write_json(folder / "champion" / "champion.json", released if with_champion else {"name": None})
    shutil.copy(folder / "hypotheses" / "base.jsonl", folder / "champion" / "hypotheses.jsonl")
    compare("test", manifest, folder / "hypotheses" / "base.jsonl",
            folder / "hypotheses" / "tuned.jsonl",
            folder / "champion", folder / "metrics" / "compare.json")  # fmt: skip
    count = {"num_utterances": len(clips), "num_utterances_by": {"corpus": {"xx": len(clips)}}}
    write_json(folder / "metrics" / "data.json", {
        "corpora": {"xx": {"hours": 0.1, "num_utterances": 9, "num_with_digits": 0,
                           "num_rejected": {"too_short": 7}}},
        "splits": {name: count | {"seconds": 1.5} for name in ("train", "dev", "test")},
        "aside": {"sentence": 3}, "recommendations": ["record <others>"],
        "test_sha256": "0" * 64,
    })  # fmt: skip
    row = {"requirement": "WER overall, at most", "threshold": 0.3, "value": 0.4, "status": "fail"}
    closed = {"requirement": "corpora trained on, only", "threshold": ["be"], "value": ["be", "bg"]}
    unknown = {"requirement": "files with word times", "threshold": 0.8, "value": None}
    write_json(folder / "metrics" / "scorecard.json", {"gates": {
        "first_runs": row, "only_corpora": closed | {"status": "fail"},
        "word_time_coverage": unknown | {"status": "not measured"},
    }})  # fmt: skip
    write_curve(folder / "curves" / "train.csv", TRAIN_COLUMNS, list(train))
    write_curve(folder / "curves" / "dev.csv", DEV_COLUMNS, list(dev))


def render(folder):
    out = folder / "report.html"
    report(folder / "test.jsonl", folder / "prepared", folder / "suspects.jsonl",
           folder / "hypotheses", folder / "metrics", folder / "curves", out)  # fmt: skip
    return out.read_text(encoding="utf-8")


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
    assert "<script>alert(1)</script> конь" in tags.text
    assert "alert(2)" not in page  # hypotheses are shown as they were scored


def test_the_sound_is_the_clip_sample_for_sample(page):
    # By word errors of the tuned model: «evil», then «dog»; «cat» is heard without one.
    players = Tags(page).named("audio")
    assert [one["aria-label"] for one in players] == ["Recording of xx/evil", "Recording of xx/dog"]
    for player, number in zip(players, (2, 1), strict=True):
        kind, _, encoded = player["src"].partition(",")
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)), dtype="int16")
        assert (kind, rate) == ("data:audio/flac;base64", SAMPLE_RATE)
        assert samples.tobytes() == clip(number)
        assert (player["preload"], "controls" in player) == ("none", True)


def test_the_verdict_is_said_in_words(page):
    verdict = re.search(r'<p class="verdict">(.*?)</p>', page, re.DOTALL)[1]
    text = re.sub(r"<[^>]+>", "", verdict)
    # 10 words. Base: 2 + 1 errors, and 5 of «script alert адзін script конь». Tuned: 0 + 1 + 3.
    assert text.startswith("WER 0.80 → 0.40, ")
    # Three utterances are too few for an interval.
    assert text.rstrip().endswith(" no sure difference: −0.40")
    assert interval({"low": -0.45, "high": 0.05}, sign=True) == "[−0.45, +0.05]"


def test_what_the_split_says_is_shown(page):
    text = " ".join(" ".join(Tags(page).text).split())
    assert "Set aside, since test or dev has the like: 3 by sentence." in text
    assert "record <others>" in text


def test_views_and_slices_are_shown_with_their_normalizers(page):
    text = " ".join(" ".join(Tags(page).text).split())
    assert "duration 0 – 1 s 3 0.80 0.40" in text  # as above, of all three clips
    assert "raw 0.71" in text  # 5 of 7 words, as written
    assert "verbatim-1" in text and "open_asr-1/leaderboard" in text


def test_doubted_transcripts_are_there_to_hear(tmp_path, page):
    assert "Doubtful transcripts" not in page
    write_inputs(tmp_path, num_doubted=1)
    doubted = Tags(render(tmp_path))
    text = " ".join(" ".join(doubted.text).split())
    assert "xx/cat 0.50 s · be no speech, dropped Reference as transcribed чорны кот спіць" in text
    assert "Base as heard брум-брум" in text
    assert doubted.named("audio")[-1]["aria-label"] == "Recording of xx/cat"


def test_what_the_language_model_changed_is_shown_if_there_was_one(tmp_path, page):
    assert "What the language model changed" not in page
    write_inputs(tmp_path, lm_languages=["be"])
    shown = render(tmp_path)
    assert "What the language model changed" in shown
    assert "<i>x</i>" not in shown  # transcripts are no markup


def test_the_gates_are_shown_with_what_is_not_measured(page):
    text = " ".join(" ".join(Tags(page).text).split())
    assert "first runs WER overall, at most 0.300 0.400 fail" in text
    assert "only corpora corpora trained on, only be be, bg fail" in text
    assert "word time coverage files with word times 0.800 – not measured" in text


def test_the_champion_has_rows_of_its_own_if_there_is_one(tmp_path, page):
    assert "hampion" not in page
    write_inputs(tmp_path, with_champion=True)
    text = " ".join(" ".join(Tags(render(tmp_path)).text).split())
    assert "champion 0.800 " in text  # it has the base model's hypotheses
    assert "tuned against it −0.400 no sure difference" in text
    assert f"Champion v<1>, commit {'a' * 40}" in text


def test_the_same_run_gives_the_same_bytes(tmp_path):
    write_inputs(tmp_path)
    assert render(tmp_path) == render(tmp_path)


@pytest.mark.parametrize("dev", [[], [DEV_ROW]])
@pytest.mark.parametrize("train", [[], [TRAIN_ROW]])
def test_curves_may_have_one_point_or_none(tmp_path, train, dev):
    write_inputs(tmp_path, train=train, dev=dev)
    page = render(tmp_path)
    assert page.count("<svg") == 3 * len(train) + len(dev)
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


def test_confusions_are_counted_most_frequent_first():
    diffs = [word_diff("a b", "a c"), word_diff("b d", "c e"), word_diff("a", "a x")]
    assert confusions(diffs, most=9) == [Confusion("b", "c", 2), Confusion("d", "e", 1)]
    assert confusions(diffs, most=1) == [Confusion("b", "c", 2)]


def test_the_best_step_is_the_last_that_was_marked(tmp_path):
    rows = [(0, 0.9, 1), (50, 0.4, 1), (100, 0.5, 0)]
    write_curve(tmp_path / "train.csv", TRAIN_COLUMNS, [])
    write_curve(tmp_path / "dev.csv", DEV_COLUMNS, [
        {"step": step, "wer": wer, "cer": wer / 2, "best": best} for step, wer, best in rows
    ])  # fmt: skip
    (panel,) = training_panels(tmp_path)
    assert panel.mark.text == "best 0.400, step 50"
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


def test_audio_survives_at_full_scale():
    waveform = np.array([1.0, -1.0, 0.0], dtype=np.float32)
    encoded = audio_uri(waveform).partition(",")[2]
    samples, _ = soundfile.read(io.BytesIO(base64.b64decode(encoded)), dtype="int16")
    assert samples.tolist() == [32767, -32768, 0]


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
