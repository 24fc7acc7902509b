"""Read TalkBank's CHAT transcripts (.cha): what each participant says, with its times.

The codes of CHAT (MacWhinney, Tools for Analyzing Talk, part 1) are no words: they say what was
meant, left out, done, or how something was said. The words that were spoken stay.
"""

import re

from asr.core.errors import InputError
from asr.corpora.recording import Segment
from asr.corpora.subtitles import Segments, split_lines

# \x15100_2300\x15, in milliseconds; older files name the file too: \x15%snd:"a"_100_2300\x15
_TIMES = re.compile('[\x15\u2022](?:%(?:snd|mov):"[^"]*"_)?(\\d{1,9})_(\\d{1,9})[\x15\u2022]')
_MAIN = re.compile(r"\*([^\s:]+):\s*(.*)")
_NOT_SAID = (
    re.compile(r"\[[^\[\]]*\]"),  # [: meant], [/], [= explained], [% comment]
    re.compile(r"\([^()]*\)"),  # (be)cause, and pauses: (.) (1.5)
    re.compile(r"&=\S+|&\*\S+"),  # what happens, and what another one says meanwhile
    re.compile(r"(?<!\S)0\w*"),  # 0is: left out; 0 alone: no speech
    re.compile(r"(?<!\S)\+[^\w\s]*(?=[\s.?!]|$)|(?<!\S)\+[\"^,<+]+"),  # +... +/. +" ++
    re.compile(r"@[\w:&+$]*"),  # special forms: gumma@c, hola@s:spa
    re.compile(r"(?<!\S)#+(?!\S)"),
    re.compile(
        "[<>\u2039\u203a^\u2308-\u230b\u2191\u2193\u2260\u2206\u2207\u00b0\u02c8\u02cc\u201e\u2021]"
    ),
)
_LENGTHENED = re.compile(r"(?<=\w):+(?=\w|\s|$)")  # no:
_SOUND = re.compile(r"(?<!\S)&[-+~]?(?=\w)")  # &-uh, &+fr, &~gaga are heard
_UNKNOWN = re.compile(r"(?<!\S)(xxx?|yyy?|www)(?!\w)")
_ID = re.compile(r"@ID:\s*(.*)")


def read_chat(text: str, place: str, speaker: str | None) -> tuple[Segments, dict[str, str]]:
    """Return the lines of one speaker, or of all, and what the file says of that speaker.

    A line without times, or with words that the transcriber did not understand, has a ``fault``.

    Args:
        text: of the file.
        place: the file's name, for messages.
        speaker: the code, such as CHI; None for all.

    Raises:
        InputError: if no line has times, or there is no such speaker; names the speakers.
    """
    lines = list(_logical_lines(text))
    found = [(match[1], number, match[2]) for number, line in lines if (match := _MAIN.match(line))]
    codes = sorted({code for code, *_ in found})
    if speaker is not None and speaker not in codes:
        raise InputError(f"{place}: expected a speaker {speaker!r}, got {codes!r:.300}")
    said = [(n, words) for code, n, words in found if speaker in (None, code)]
    if not any(_TIMES.search(words) for _, words in said):
        raise InputError(f"{place}: expected lines with times, got none")
    segments = tuple(_segment(words, f"{place}:{number}") for number, words in said)
    return segments, _about(speaker, [line for _, line in lines])


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with the numbers where they begin; a line that begins with a tab goes on."""
    found: list[tuple[int, str]] = []
    for number, line in enumerate(split_lines(text), start=1):
        if line[:1] in ("\t", " ") and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            found.append((number, line))
    return found


def _segment(line: str, place: str) -> Segment:
    times = _TIMES.findall(line)
    words = spoken_words(_TIMES.sub(" ", line))
    if match := _UNKNOWN.search(words):
        fault = f"{place}: {match[1]}: words that the transcriber did not write down"
        return Segment(0.0, 0.0, "", fault=fault)
    if not words.strip(" .,?!"):
        return Segment(0.0, None, "")  # nobody speaks
    if not times:
        return Segment(0.0, 0.0, words, fault=f"{place}: expected a time at the end, got none")
    start_s, end_s = int(times[0][0]) / 1000, int(times[-1][1]) / 1000
    if end_s <= start_s:
        fault = f"{place}: expected an end after {start_s} s, got {end_s} s"
        return Segment(0.0, 0.0, words, fault=fault)
    return Segment(start_s, end_s, words)


def spoken_words(line: str) -> str:
    """The words of a main line that were spoken, without codes.

    >>> spoken_words("<I wanna> [/] I wanna [: want to] (.) &-uh go (be)cause no: +/.")
    'I wanna I wanna uh go cause no.'
    """
    line = re.sub(r"(?<!\S)\+[^\w\s.?!]*(?:[.]{3}|(?=[.?!]))", "", line)
    for code in _NOT_SAID:
        line = code.sub("", line)
    line = _SOUND.sub("", _LENGTHENED.sub("", line))
    line = re.sub(r"(?<=\w)[+_](?=\w)", " ", line)  # compounds: black+board, Mickey_Mouse
    return re.sub(r"\s+([.,?!])", r"\1", " ".join(line.split()))


def _about(speaker: str | None, lines: list[str]) -> dict[str, str]:
    """Age and sex of a speaker: ``@ID: eng|corpus|CHI|2;10.10|female|||Target_Child|||``."""
    for line in lines:
        if speaker and (match := _ID.match(line)):
            fields = match[1].split("|")
            if len(fields) > 4 and fields[2] == speaker:
                return {k: v for k, v in (("age", fields[3]), ("sex", fields[4])) if v}
    return {}
