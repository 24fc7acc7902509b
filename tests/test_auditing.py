# python -m pytest tests/test_auditing.py
import numpy as np
import pytest

from asr.auditing import other_clips
from asr.auditor import audit_utterances, end_drop_db
from asr.families.whisper.judge import open_judge
from asr.text_language import language_gap
from tests.examples import tone, utterance
from tests.test_verdicts import PARAMS as DEFAULTS
from tests.tiny_whisper import write_transformers

PARAMS = DEFAULTS.model_copy(update={"margin_s": 0.0})  # the tiny encoder has room for 1 s
WORDS = ["кот", "дуб", "лес", "рыч", "сук"]  # the tiny decoder has room for 9 bytes
UTTERANCES = [utterance(str(n), text=text, duration_s=0.3 + n / 10)
              for n, text in enumerate(WORDS)]  # fmt: skip
WAVEFORMS = [tone(u.duration_s, hz=200.0 + 50 * n) for n, u in enumerate(UTTERANCES)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit") / "tiny"
    write_transformers(folder)
    return folder


def test_others_are_as_many_as_asked_and_never_itself():
    others = other_clips(UTTERANCES, 2, seed=1)
    assert [len(set(clips)) for clips in others] == [2] * 5
    assert all(i not in clips for i, clips in enumerate(others))
    assert others == other_clips(UTTERANCES, 2, seed=1)


def test_a_sentence_that_differs_by_a_letter_is_no_contrast():
    texts = ["Знак для літары Б", "Знак для літары В", "Знак для літары Г", "Чорны кот"]
    utterances = [utterance(str(n), text=text) for n, text in enumerate(texts)]
    assert other_clips(utterances, 2, seed=1)[:3] == [[3], [3], [3]]


def test_one_utterance_has_no_other():
    assert other_clips(UTTERANCES[:1], 2, seed=1) == [[]]


def test_a_transcript_beyond_the_decoder_is_dropped_and_stops_nothing(folder):
    long = utterance("long", text="слова " * 400, duration_s=0.3)
    judge = open_judge(folder, "float32", 1)
    rows = audit_utterances(judge, WAVEFORMS[:3], [long, *UTTERANCES[1:3]], PARAMS, 1)
    assert (rows[0].fault, rows[0].keep) == ("too_many_tokens", "no")
    assert "too_many_tokens" not in [row.fault for row in rows[1:]]


def test_a_clip_cut_off_ends_as_loud_as_it_is():
    whole = np.concatenate([tone(1.0), np.zeros(1600, np.float32)])
    assert end_drop_db(tone(1.0)) == pytest.approx(0.0, abs=0.2)
    # A sine of peak 0.5 is at -9 dBFS, digital silence counts as -90.
    assert end_drop_db(whole) == pytest.approx(81.0, abs=0.2)
    assert end_drop_db(tone(0.02)) == 0.0


def test_text_language_is_a_gap_to_the_likeliest_other():
    text = "Ляціць над полем белая птушка ў блакітным небе"
    assert language_gap(text, "be") > 10
    assert language_gap(text, "bg") < -10
    assert language_gap(text, "xx") is None
