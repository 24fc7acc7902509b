# python -m pytest tests/test_subtitles.py
import pytest

from asr.corpora.recording import Segment
from asr.corpora.subtitles import read_subtitles
from asr.corpora.timed_text import read_lrc


def cues(text):
    return [(one.start_s, one.end_s, one.text) for one in read_subtitles(text, "a")]


def vtt(*content):
    return "WEBVTT\n\n" + "".join(f"00:0{n}.000 --> 00:0{n}.900\n{c}\n\n" for n, c in
                                   enumerate(content))  # fmt: skip


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Good &amp; bad", "Good & bad"),
        ("3 &lt; 5, isn&#39;t it &#x2026;", "3 < 5, isn't it …"),
        ("&lt;i&gt;", "<i>"),
        ("words&nbsp;here&lrm;", "words here"),
        ("3 < 5 but 5 > 3", "3 < 5 but 5 > 3"),
        ("AT&T", "AT&T"),
        ("<v.loud Ann Lee>Hi <i.b>there</i></v>", "Hi there"),
        ("<c.yellow.bg_blue>f</c>oo <lang en-GB>bar</lang> <b></b>", "foo bar"),
        ("we<00:00:00.960><c> begin</c>", "we begin"),
        ("<00:00.960>we <00:01.960>begin", "we begin"),
        ("<ruby>漢<rt>かん</rt></ruby>字", "漢字"),
        ("one<br/>two\nthree", "one two three"),
        ("a\n \nb", "a b"),  # a line of a space does not end a cue
        ('{\\an8}up <font color="red">there</font>', "up there"),
        ("<v\nAnn>Hi", "Hi"),
    ],
)
def test_cue_text_is_what_is_said(written, said):
    assert [text for *_, text in cues(vtt(written))] == [said]


def test_blocks_that_are_no_cue_are_not_said():
    text = "WEBVTT - a\nKind: captions\n\nNOTE\nnot said\n\nSTYLE\n::cue { color: red }\n\n"
    text += "name\n00:01.000 --> 00:02.000 align:start position:0%\none\n\nalso not said\n\n"
    assert cues(text + "NOTE x\n") == [(1.0, 2.0, "one")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_times_without_an_empty_line_before_them_begin_a_cue(end):
    text = "WEBVTT\n00:01.000 --> 00:02.000\none\n100:00:03.000 --> 100:00:04.000\ntwo"
    expected = [(1.0, 2.0, "one"), (360_003.0, 360_004.0, "two")]
    assert cues(text.replace("\n", end)) == expected


def test_all_text_of_an_srt_is_read():
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\none\nmore --> less\n\nand\n2\n0:0:3,5 --> 00:00:04\n7\n"
    )
    assert cues(text) == [(1.0, 2.0, "one more --> less and"), (3.5, 4.0, "7")]


@pytest.mark.parametrize(
    ("clock", "time_s"),
    [("0:0:3,5", 3.5), ("75:30.250", 4530.25), ("100:00:00.000", 360_000.0), ("00:03", 3.0),
     ("0:75:30.0", None), ("00:61.000", None), ("3", None), ("00:0", None)],
)  # fmt: skip
def test_a_time_that_no_clock_shows_costs_its_cue(clock, time_s):
    (cue,) = read_subtitles(f"{clock} --> 200:00:00.000\n1 - 2 --> 3", "a")
    assert (None if cue.fault else cue.start_s, cue.text) == (time_s, "1 - 2 --> 3")


def rolling(*blocks):
    """WebVTT cues of one second, beginning at 0, 1, 2 … seconds."""
    return [text for *_, text in cues(vtt(*blocks))]


def test_each_line_of_rolling_captions_is_said_once():
    times = "a<00:00:00.500><c> b</c>"
    assert rolling(f" \n{times}", "a b\n ", "a b\nc d", "c d\n ", "c d\ne") == ["a b", "c d", "e"]
    assert rolling("a", "a\nb", "a\nb\nc", "b\nc\nd") == ["a", "b", "c", "d"]
    assert rolling("a\nb", "b\nc", "d") == ["a b", "c", "d"]  # one repetition among two
    # The new line has times of words, so it is said again.
    assert rolling("no", "no\nno<00:00:00.500><c></c>", "no\nyes") == ["no", "no", "yes"]


def test_rolling_captions_of_one_word_again_and_again():
    """The words of a new line have times, so a line that equals the one before is no repetition."""
    cues = ["<00:00.1>ovo", "ovo\n<00:01.1>da", "da\n<00:02.1>da", "da\n<00:03.1>da"]
    text = "".join(f"\n00:0{n}.000 --> 00:0{n + 1}.000\n{cue}\n" for n, cue in enumerate(cues))
    assert [one.text for one in read_subtitles(f"WEBVTT\n{text}", "a")] == ["ovo", "da", "da", "da"]


def test_a_comment_with_an_arrow_is_no_cue():
    text = "WEBVTT\n\nNOTE this --> that\n\n00:01.000 --> 00:02.000\nda\n"
    assert read_subtitles(text, "a") == (Segment(1.0, 2.0, "da"),)


def test_what_someone_says_twice_stays():
    assert rolling("row", "row", "row", "your boat") == ["row", "row", "row", "your boat"]
    lines = ["a\nb", "b\nc", "d", "e", "f"]  # one repetition among four is no rolling
    assert rolling(*lines) == ["a b", "b c", "d", "e", "f"]


def test_cues_that_stay_while_the_next_one_is_spoken_end_where_it_begins():
    text = "\n".join(f"00:0{n}.000 --> 00:0{n + 3}.000\n{n}\n" for n in range(3))
    assert cues(text) == [(0.0, 1.0, "0"), (1.0, 2.0, "1"), (2.0, 5.0, "2")]
    # A pause after the third; the fourth and the fifth are said at once.
    times = [(0, 3), (1, 4), (2, 2.5), (4, 7), (4, 7), (5, 8), (6, 9)]
    text = "\n".join(f"00:0{start}.0 --> 00:0{end:.1f}\nx\n" for start, end in times)
    ended = [(0, 1), (1, 2), (2, 2.5), (4, 7), (4, 5), (5, 6), (6, 9)]
    assert [(start, end) for start, end, _ in cues(text)] == ended
    # Two of five last longer: no rule of this file.
    times = [(0, 2), (1, 4), (3, 4), (5, 6), (6, 7), (7, 8)]
    text = "\n".join(f"00:0{start}.0 --> 00:0{end}.0\nx\n" for start, end in times)
    assert [(start, end) for start, end, _ in cues(text)] == times
    # Two people at once, between others: both are heard.
    text = "00:01.000 --> 00:04.000\na\n\n00:02.000 --> 00:03.000\nb\n\n00:05.000 --> 00:06.000\nc"
    assert cues(text)[0] == (1.0, 4.0, "a")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_lrc_as_people_write_it(end):
    text = "[ti:Song]\n[offset:]\n[Verse 1]\n[00:01.00]I <00:01.00> walk <00:01.38> a\n"
    text += "[00:03.00]The <00:03.20> one <00:04.00>\n[Chorus] [x2]\n[01:00:10.00]sea\n"
    segments, tags = read_lrc(text.replace("\n", end), "a.lrc")
    assert [(one.start_s, one.end_s, one.text, one.fault) for one in segments] == [
        (1.0, 3.0, "I walk a", None), (3.0, 4.0, "The one", None), (3610.0, None, "sea", None),
    ]  # fmt: skip
    assert tags == {"ti": "Song", "offset": ""}
