"""Word times as lines, and as the files that players and front ends read."""

import json

import numpy as np
import pysubs2
import pytest

from asr.alignment.files import lrc, subtitles, whisper_json, write_files
from asr.alignment.joined import Joined, joined_clips, offsets
from asr.alignment.lines import Line, lines_of
from asr.alignment.params import AlignParams
from asr.alignment.table import AlignedUtterance, read_aligned, write_aligned
from asr.alignment.unit_scores import UnitScores
from asr.alignment.words import Word
from asr.core.params import load_params
from tests.examples import tone, utterance
from tests.tiny_families import ROOT

PARAMS = load_params("align", AlignParams, ROOT / "params.yaml")
SONG = [
    Word("Пливе", 0.5, 0.9, 0.9),
    Word("–", None, None, None),
    Word("кача,", 1.0, 1.5, 0.8),
    Word("<b>", 4.0, 4.25, 0.7),
    Word("{мати}", 64.5, 65.25, 0.6),
]


def texts(words, **changes):
    return [line.text for line in lines_of(words, PARAMS.model_copy(update=changes))]


def test_a_long_pause_ends_a_line_and_a_word_without_time_stays_with_the_one_before():
    assert texts(SONG) == ["Пливе – кача,", "<b>", "{мати}"]
    assert texts(SONG, max_line_pause_s=100.0) == ["Пливе – кача, <b> {мати}"]


def test_a_line_ends_before_it_gets_too_long():
    assert texts(SONG, max_line_pause_s=100.0, max_line_chars=17) == ["Пливе – кача, <b>", "{мати}"]


def test_a_word_longer_than_a_line_has_a_line_of_its_own():
    words = [Word("a", 0, 1, 1), Word("b" * 50, 1, 2, 1), Word("c", 2, 3, 1)]
    assert texts(words) == ["a", "b" * 50, "c"]


def test_words_without_times_give_no_line():
    assert lines_of([Word("a", None, None, None)], PARAMS) == []


def test_lrc_has_a_time_before_each_word_and_after_the_last():
    assert lrc(lines_of(SONG, PARAMS)) == (
        "[00:00.50]<00:00.50>Пливе – <00:01.00>кача, <00:01.50>\n"
        "[00:04.00]<00:04.00><b> <00:04.25>\n"
        "[01:04.50]<01:04.50>{мати} <01:05.25>\n"
    )


# In ASS, braces hide their content, a drawing follows \p1, and \N breaks the line.
SIGNS = [
    Word("a {laughs} b", 0.5, 1.5, 0.9),
    Word(r"{\p1}m 0 0", 4.0, 4.25, 0.7),
    Word(r"C:\new \N \h", 64.5, 65.25, 0.6),
    Word("x < y & <b>", 3725.0006, 3725.9996, 0.6),
]
TEXTS = {
    "srt": [r"a {laughs} b", r"{\p1}m 0 0", r"C:\new \N \h", "x < y & <b>"],
    "vtt": [r"a {laughs} b", r"{\p1}m 0 0", r"C:\new \N \h", "x &lt; y &amp; &lt;b&gt;"],
}


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_read_back_with_their_times_and_signs(form):
    lines = [Line((word,), word.start_s, word.end_s) for word in SIGNS]
    content = subtitles(lines, form)
    assert content.startswith("WEBVTT\n\n1\n" if form == "vtt" else "1\n")
    assert [part.split("\n", 2)[2] for part in content.split("\n\n")[form == "vtt" : -1]] == (
        TEXTS[form]
    )
    cues = pysubs2.SSAFile.from_string(content, format_=form)
    assert [(cue.start, cue.end) for cue in cues] == [
        (500, 1500), (4000, 4250), (64500, 65250), (3725001, 3726000),
    ]  # fmt: skip


def test_a_subtitle_has_a_number_its_times_and_its_text():
    lines = lines_of(SONG[:3], PARAMS)
    assert subtitles(lines, "srt") == "1\n00:00:00,500 --> 00:00:01,500\nПливе – кача,\n\n"
    assert subtitles(lines, "vtt") == (
        "WEBVTT\n\n1\n00:00:00.500 --> 00:00:01.500\nПливе – кача,\n\n"
    )


def test_json_has_the_form_of_whispers_word_timestamps():
    found = json.loads(whisper_json(lines_of(SONG, PARAMS), "Пливе", "uk"))
    assert (found["text"], found["language"]) == (" Пливе", "uk")
    first = found["segments"][0]
    assert (first["start"], first["end"], first["text"]) == (0.5, 1.5, " Пливе – кача,")
    assert first["words"][1] == {"word": " кача,", "start": 1.0, "end": 1.5, "probability": 0.8}


def test_only_the_chosen_files_are_written(tmp_path):
    write_files(tmp_path / "be/1", lines_of(SONG, PARAMS), "Пливе", "uk", ["lrc", "txt"])
    assert sorted(path.name for path in (tmp_path / "be/1").iterdir()) == [
        "karaoke.lrc",
        "transcription_base.txt",
    ]


def test_the_table_is_read_as_it_was_written(tmp_path):
    one = AlignedUtterance(id="a/1", text="Пливе", words=tuple(SONG))
    write_aligned(tmp_path / "words.jsonl", [one])
    assert read_aligned(tmp_path / "words.jsonl") == {"a/1": one}


def silence(seconds):
    return np.zeros(round(seconds * 16_000), np.float32)


def test_clips_of_one_language_are_joined_with_known_pauses():
    clip = np.concatenate([silence(0.1), tone(0.4), silence(0.1)])
    clips = [utterance(str(i), text=f"т{i}", duration_s=0.6, language="be") for i in range(4)]
    (one,) = joined_clips(clips, [clip] * 4, 5, PARAMS)
    assert one.texts == ("т0", "т1", "т2")
    assert np.round(one.speech, 2).tolist() == [[0.3, 0.7], [1.4, 1.8], [3.0, 3.4]]
    assert len(one.waveform) == round((3 * 0.6 + 0.2 + 0.5 + 1.0) * 16_000)


class ALateAligner:
    """It finds each of three words, 0.1 s late."""

    def unit_scores(self, waveform, text, language):
        scores = np.full((3, 200), -5.0)
        for unit, first in enumerate((5, 55, 105)):
            scores[unit, first + 5 : first + 25] = 0.0
        return UnitScores(scores, np.arange(3), 0.02, np.ones(3))


def test_offsets_are_distances_from_the_joints():
    waveform = np.concatenate([tone(0.1)] * 40)  # loud throughout, so that energy helps nobody
    speech = ((0.1, 0.5), (1.1, 1.5), (2.1, 2.5))
    found = offsets(ALateAligner(), [Joined(waveform, ("a", "b", "c"), speech, "en")], PARAMS)
    assert len(found) == 6
    assert min(found) >= 0
