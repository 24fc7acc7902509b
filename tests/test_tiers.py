# python -m pytest tests/test_tiers.py
import time

import pytest

from asr.core.errors import InputError
from asr.corpora.chat import read_chat, spoken_words
from asr.corpora.formats import corpus_format
from asr.corpora.recording import Segment
from asr.corpora.subtitles import read_subtitles
from asr.corpora.tiers import is_label_track, read_eaf, read_labels, read_textgrid
from asr.corpora.timed_text import read_lrc

LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 3.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1
            text = ""
        intervals [2]:
            xmin = 1
            xmax = 2.5
            text = "she said ""da"""
        intervals [3]:
            xmin = 2,5
            xmax = 3.5
            text = "three 3"
    item [2]:
        class = "IntervalTier"
        name = "empty"
        xmin = 0
        xmax = 3.5
        intervals: size = 0
    item [3]:
        class = "TextTier"
        name = "marks"
        xmin = 0
        xmax = 3.5
        points: size = 1
        points [1]:
            number = 1.5
            mark = "H*"
'''
SHORT = """File type = "ooTextFile short"
"TextGrid"

0
2
<exists>
1
"IntervalTier"
"Mary"
0
2
1
0.5
2
"da"
"""
EAF = b"""<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2000"/>
<TIME_SLOT TIME_SLOT_ID="ts3"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="3000"/></TIME_ORDER>
<TIER TIER_ID="text"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1"
TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE>da &amp; ne</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>
</ANNOTATION><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3"
TIME_SLOT_REF2="ts4"><ANNOTATION_VALUE>x</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER><TIER TIER_ID="words" PARENT_REF="text">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1"><ANNOTATION_VALUE>da
</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a4" ANNOTATION_REF="a1" PREVIOUS_ANNOTATION="a3">
<ANNOTATION_VALUE>ne</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>"""
CHA = """@UTF8
@Begin
@Participants:\tCHI Target_Child, MOT Mother
@ID:\teng|Brown|CHI|2;03.04|female|||Target_Child|||
@Media:\ta, audio
*MOT:\twhat is
\tthat ? \x15100_1100\x15
%mor:\tpro|what v|be
*CHI:\t<a dog> [/] a doggie [: dog] . \x151200_2000\x15
*CHI:\txxx dog . \x152100_2500\x15
*CHI:\tno .
*CHI:\t&=laughs . \x152600_2700\x15
@End
"""


def found(segments):
    return [(one.start_s, one.end_s, one.text) for one in segments if one.text and not one.fault]


def faults(segments):
    return [one.fault for one in segments if one.fault]


def test_a_textgrid_gives_its_intervals_and_a_faulty_one_costs_itself():
    segments = read_textgrid(LONG, "a.TextGrid", "words")
    assert found(segments) == [(1.0, 2.5, 'she said "da"')]
    assert faults(segments) == ["a.TextGrid: interval 3: expected two times, got [3.5]"]
    assert segments[2].text == "three 3"
    assert found(read_textgrid(SHORT, "a.TextGrid", None)) == [(0.5, 2.0, "da")]


def test_a_tier_is_chosen_by_name_never_guessed():
    with pytest.raises(InputError, match=r"one tier with words, got \['words', 'marks'\]; choose"):
        read_textgrid(LONG, "a", None)
    with pytest.raises(InputError, match=r"a: expected a tier 'Mary', got \['words', 'empty', 'm"):
        read_textgrid(LONG, "a", "Mary")
    with pytest.raises(InputError, match=r"choose one in params\.yaml: .*\{tier: text\}"):
        read_eaf(EAF, "a", None)


def test_elan_annotations_have_the_times_of_those_that_they_refer_to():
    segments = read_eaf(EAF, "a.eaf", "text")
    assert found(segments) == [(0.5, 2.0, "da & ne")]
    assert faults(segments) == ["a.eaf: text: annotation a2: expected two times, got [3.0]"]
    assert found(read_eaf(EAF, "a.eaf", "words")) == [(0.5, 2.0, "da ne")]


@pytest.mark.parametrize(
    "content",
    [b"", b"<a>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b'<!DOCTYPE a SYSTEM "b.dtd"><a/>'],
)
def test_what_is_no_elan_file_is_refused(content):
    with pytest.raises(InputError, match="a: expected an ELAN file"):
        read_eaf(content, "a", None)


def test_a_file_without_words_has_no_segments():
    assert read_eaf(b"<ANNOTATION_DOCUMENT/>", "a", None) == ()
    grid = 'File type = "ooTextFile"\nObject class = "TextGrid"\n0 2 <exists> 1\n'
    grid += '"IntervalTier" "words" 0 2 1\n0 2 ""\n'
    assert read_textgrid(grid, "a", None) == ()
    assert read_textgrid(grid, "a", "words") == (Segment(0.0, None, ""),)


def test_a_piece_without_its_times_keeps_its_words():
    assert read_labels("0.5\t0.5\tda\n 1.0 x\n", "a.txt") == (
        Segment(0.0, 0.0, "da", fault="a.txt:1: expected an end after 0.5 s, got 0.5 s"),
        Segment(0.0, 0.0, "1.0 x",
                fault="a.txt:2: expected start, end and label, got ' 1.0 x'"),
    )  # fmt: skip
    lost = EAF.replace(b'TIME_SLOT_ID="ts1"', b'TIME_SLOT_ID="lost"')
    assert {(one.start_s, one.end_s) for one in read_eaf(lost, "a", "text") if one.fault} == {
        (0, 0)
    }


def test_audacity_labels():
    text = "0.5\t2.25\tda ne\n\\\t100.0\t200.0\n3.0\t3.0\tpoint\n4.0\t5.0\n1,0\t2,0\tda\nx\n"
    segments = read_labels(text, "a.txt")
    assert found(segments) == [(0.5, 2.25, "da ne"), (1.0, 2.0, "da")]
    assert faults(segments) == [
        "a.txt:3: expected an end after 3.0 s, got 3.0 s",
        "a.txt:6: expected start, end and label, got 'x'",
    ]
    assert is_label_track(text) and not is_label_track("1.5 2.5 da") and not is_label_track("")


def test_chat_gives_what_a_speaker_says_with_the_times():
    segments, about = read_chat(CHA, "a.cha", "CHI")
    assert found(segments) == [(1.2, 2.0, "a dog a doggie.")]
    assert about == {"age": "2;03.04", "sex": "female"}
    assert faults(segments) == [
        "a.cha:10: xxx: words that the transcriber did not write down",
        "a.cha:11: expected a time at the end, got none",
    ]
    everyone, _ = read_chat(CHA, "a.cha", None)
    assert found(everyone)[0] == (0.1, 1.1, "what is that?")
    with pytest.raises(InputError, match=r"expected a speaker 'FAT', got \['CHI', 'MOT'\]"):
        read_chat(CHA, "a.cha", "FAT")


def test_a_faulty_line_of_chat_keeps_its_words_and_the_place_where_it_begins():
    lines = ["@Begin", "@Languages:\thr",
             "*CHI:\tda \x15500_2000\x15", "*CHI:\tne", "  znam", "\tja .", "*CHI:\t0 .",
             "*CHI:\tda \x152000_2000\x15", "*CHI:\tyyy \x152500_3000\x15"]  # fmt: skip
    assert read_chat("\n".join(lines), "a.cha", "CHI")[0] == (
        Segment(0.5, 2.0, "da"),
        Segment(0.0, 0.0, "ne znam ja.", fault="a.cha:4: expected a time at the end, got none"),
        Segment(0.0, None, ""),
        Segment(0.0, 0.0, "da", fault="a.cha:8: expected an end after 2.0 s, got 2.0 s"),
        Segment(
            0.0, 0.0, "",
            fault="a.cha:9: yyy: words that the transcriber did not write down",
        ),
    )  # fmt: skip
    with pytest.raises(InputError, match=r"a\.cha: expected lines with times, got none"):
        read_chat("*CHI:\tda", "a.cha", None)


def test_age_and_sex_are_those_of_the_speaker():
    text = "@ID:\teng|c|MOT|40;|female\n@ID:\teng|c|CHI|2;|\n@ID:\tCHI\n*CHI:\tda \x151_2\x15"
    assert read_chat(text, "a.cha", "CHI")[1] == {"age": "2;"}
    assert read_chat(text.replace("|2;|", "|2;|male|||"), "a.cha", "CHI")[1]["sex"] == "male"
    assert read_chat(text.replace("|2;|", "|2;"), "a.cha", "CHI")[1] == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("I &-uh want (be)cause (.) (1.5) it .", "I uh want cause it."),
        ("+< well , no: [>] +...", "well, no"),
        ('+" go home +//.', "go home."),
        ("gumma@c hola@s:spa black+bird Mickey_Mouse !", "gumma hola black bird Mickey Mouse!"),
        ("she 0is &+fr friend [* m:0es] [^ yes] ?", "she fr friend?"),
        ("0 [=! cries] .", "."),
        ("at 10 o'clock it's [x 3] # time .", "at 10 o'clock it's time."),
    ],
)
def test_codes_of_chat_are_no_words(line, said):
    assert spoken_words(line) == said


def read(files, **columns):
    return list(corpus_format("paired").read(dict(sorted(files.items())), "hr", columns))


@pytest.mark.parametrize(
    ("name", "content", "tier"),
    [
        ("a.TextGrid", SHORT.encode("utf-16"), "Mary"),
        ("a.TextGrid", SHORT.encode(), None),
        ("a.eaf", EAF.replace(b"da &amp; ne", b"da"), "text"),
        ("a.cha", b"@UTF8\n*CHI:\tda \x15500_2000\x15\n", None),
        ("a.txt", b"0.500000\t2.000000\tda\r\n", None),
        ("a.srt", "1\n00:00:00,500 --> 00:00:02,000\nda\n".encode("utf-16"), None),
    ],
)
def test_each_of_them_is_timed_text_beside_a_recording(name, content, tier):
    assert corpus_format("paired").wants(name, "hr")
    (one,) = read({"a.wav": b"1", name: content}, **({"tier": tier} if tier else {}))
    assert one.fault is None and one.segments[0] == Segment(0.5, 2.0, "da")


def test_a_tier_that_is_called_as_a_column_of_the_inventory_hides_it_not():
    files = {"a.wav": b"1", "metadata.csv": b"file,text\na.wav,da\n"}
    (one,) = read(files, tier="text")
    assert one.text == "da"


def test_a_file_without_the_tier_costs_its_recording():
    one, two = read({"a.wav": b"1", "a.TextGrid": SHORT.encode(), "b.wav": b"2"}, tier="Ann")
    assert one.fault == "a.TextGrid: expected a tier 'Ann', got ['Mary']" and two.fault is None


def test_hostile_lengths_take_linear_time():
    start_s = time.monotonic()
    for mark in '[(<+@&"':
        read_chat(f"*CHI:\t{mark * 64_000} da \x151_2000\x15\n", "a", None)
        read_subtitles(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{mark * 64_000}", "a")
        read_lrc(f"[00:01.00]{mark * 64_000}\n{mark * 64_000}", "a")
        read_textgrid(SHORT + mark * 64_000, "a", None)
    refs = "".join(
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="b{n}" ANNOTATION_REF="a1"/></ANNOTATION>'
        for n in range(20_000)
    )
    read_eaf(EAF.replace(b"</TIER>", refs.encode() + b"</TIER>", 1), "a", "text")
    assert time.monotonic() - start_s < 20  # seconds; quadratic ones take minutes


def test_a_circle_of_references_has_no_times():
    circle = EAF.replace(b'ANNOTATION_REF="a1"', b'ANNOTATION_REF="a4"')
    assert faults(read_eaf(circle, "a", "words"))
