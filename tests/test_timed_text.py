# python -m pytest tests/test_timed_text.py
import json

import pytest

from asr.corpora.recording import Segment
from asr.corpora.timed_text import read_lrc, read_timed_json


@pytest.mark.parametrize(
    ("offset", "shift_s"), [("500", 0.5), ("+500 ms", 0.5), ("-250", -0.25), ("0", 0.0), ("", 0.0)]
)
def test_an_offset_shifts_all_lines_earlier_but_none_before_the_beginning(offset, shift_s):
    text = f"[offset:{offset}]\n[00:01.00]da\n[00:00.25]ne\n[00:03:50]ja <00:04.50>\n"
    segments, _ = read_lrc(text, "a.lrc")
    assert segments == (
        Segment(max(0.0, 0.25 - shift_s), 1.0 - shift_s, "ne"),
        Segment(1.0 - shift_s, 3.5 - shift_s, "da"),
        Segment(3.5 - shift_s, 4.5 - shift_s, "ja"),
    )


def test_a_refrain_has_several_times_and_lines_of_one_time_are_one():
    segments, tags = read_lrc("[00:05.0][00:01.0]la\n[00:03.0]da\n[00:03.0]ne\nx\n", "a.lrc")
    assert tags == {}
    assert segments == (
        Segment(1.0, 3.0, "la"),
        Segment(3.0, 5.0, "da ne"),
        Segment(5.0, None, "la"),
        Segment(0.0, 0.0, "x", fault="a.lrc:4: expected [minutes:seconds], got 'x'"),
    )


def read(*items):
    return read_timed_json(json.dumps(items), "a.json")[1]


def test_segments_have_times_by_either_name_and_the_confidence_of_an_alignment():
    assert read(
        {"start": 0, "end": 1.5, "text": " da "},
        {"start_s": 2, "end_s": 3, "text": None},
        {"start": 3, "end": 4, "text": "ne", "alignment_confidence": 0.25},
    ) == (Segment(0.0, 1.5, "da"), Segment(2.0, 3.0, ""), Segment(3.0, 4.0, "ne", 0.25))
    whole = {"text": "da ne", "segments": [], "language": "hr"}
    assert read_timed_json(json.dumps(whole), "a") == ("da ne", (), {"language": "hr"})


@pytest.mark.parametrize(
    ("item", "words", "fault"),
    [
        ({"start": 1, "text": " da "}, "da", "end or end_s: expected seconds, got None"),
        ({"start": 1, "end": 1, "text": "da"}, "da", "expected an end after 1.0 s, got 1.0 s"),
        ({"start": 1, "end": 2, "text": ["da"]}, "", "text: expected text, got ['da']"),
        ({"start": 1, "end": 2}, "", "text: expected text, got None"),
        ({"start": 1, "end": 2, "text": "da", "alignment_confidence": "high"}, "da",
         "alignment_confidence: expected seconds, got 'high'"),
        ({"start": True, "end": 2, "text": "da"}, "da", "start: expected seconds, got True"),
        ({"start": 1, "end": 2e9, "text": "da"}, "da", "end: expected seconds, got 2000000000.0"),
        (7, "", "expected an object, got 7"),
    ],
)  # fmt: skip
def test_a_segment_that_cannot_be_used_keeps_its_words(item, words, fault):
    whole = {"start": 0, "end": 1, "text": "ja"}
    assert read(whole, item) == (
        Segment(0.0, 1.0, "ja"),
        Segment(0.0, 0.0, words, fault=f"a.json: segment 2: {fault}"),
    )
