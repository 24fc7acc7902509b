"""Parse SRT and WebVTT subtitles by the rules of W3C's WebVTT 1, sections 4 and 6.

SRT has no standard, so its cues are read as WebVTT's, but all text up to the next cue is its own.
Automatic captions of YouTube roll: a cue repeats the line before it, or lasts until the line after
it is over. Each line is returned once, with the time in which it is spoken.
"""

import html
import re
from dataclasses import dataclass, replace
from itertools import pairwise

from asr.core.errors import InputError
from asr.corpora.recording import Segment

Segments = tuple[Segment, ...]

_LINE_END = re.compile(r"\r\n|\r|\n")
_ARROW = re.compile(r"^\s*([\d:.,]+)\s*-->\s*([\d:.,]+)(\s.*)?$")
_CLOCK = re.compile(
    r"(?:(\d{1,4}):(?=[0-5]?\d:))?(\d{1,3}):([0-5]?\d[.,]\d{1,3}|[0-5]\d)"
)  # 75:30.0 is a time, 0:75:30.0 is not
_CLOCK_FIRST = re.compile(r"\s*\d+:[\d:.,]+\s*-->")
_RUBY_TEXT = re.compile(r"<rt[^<>]*>.*?(</rt>|(?=</ruby>)|$)")  # says how to read what is there
_WORD_TIME = re.compile(r"<\d{1,4}(:\d{1,2}){1,2}[.,]\d{1,3}>")
_SPACE_TAG = re.compile(r"<(?:br\s*/?|v(?:[. \t][^<>]*)?)>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|</?>|\{\\[^{}]*\}")
# Marks of direction, of width zero and soft hyphens; Persian and Indic scripts need U+200C and D.
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
_MAX_ROLLING = 8  # lines; YouTube shows two
_EXPECTED = "expected 00:00:01,000 --> 00:00:02,000"


@dataclass(frozen=True)
class _Cue:
    """A cue: its times with a fault, or none, and its lines, some of which have times of words."""

    start_s: float
    end_s: float
    fault: str | None
    lines: tuple[str, ...]
    timed: tuple[bool, ...]


def split_lines(text: str) -> list[str]:
    """Split at any of the three line ends: Windows', Unix', old Macs'."""
    return _LINE_END.split(text)


def read_subtitles(text: str, place: str) -> Segments:
    """Return the cues of an SRT or WebVTT file, in file order, without markup.

    A cue whose times are wrong has a ``fault``, which names file and line.

    Raises:
        InputError: if there is no cue.
    """
    lines = split_lines(text)
    is_vtt = lines[0].startswith("WEBVTT")
    starts = [n for n, line in enumerate(lines) if _starts_cue(lines, n)]
    cues = []
    for start, after in zip(starts, [*starts[1:], len(lines)], strict=False):
        content = _content(lines[start + 1 : after], is_vtt, is_last=after == len(lines))
        cues.append(_cue(lines[start], content, f"{place}:{start + 1}"))
    if text.strip() and not cues:
        raise InputError(f"{place}: expected lines with 00:00:01,000 --> 00:00:02,000, got none")
    return tuple(
        Segment(cue.start_s, cue.end_s, " ".join(cue.lines), fault=cue.fault)
        for cue in _in_time(_once(cues))
    )


def _starts_cue(lines: list[str], number: int) -> bool:
    """Whether a line has a cue's times, right or wrong; an arrow may also be part of a text."""
    line = lines[number]
    if "-->" not in line or line.startswith("NOTE"):
        return False
    before = lines[number - 1].strip() if number else ""
    return not before or before.isdigit() or bool(_CLOCK_FIRST.match(line))


def _content(lines: list[str], is_vtt: bool, is_last: bool) -> list[str]:
    """The lines of a cue's text among those up to the next cue's times."""
    if not is_last and lines and lines[-1].strip().isdigit():
        lines = lines[:-1]  # the number of the next cue
    if not is_vtt:
        return lines
    # An empty line ends a cue; a line of a space does not.
    return lines[: lines.index("")] if "" in lines else lines


def _cue(times: str, content: list[str], place: str) -> _Cue:
    fault, start_s, end_s = None, 0.0, 0.0
    if not (match := _ARROW.match(times)):
        fault = f"{place}: {_EXPECTED}, got {times!r:.80}"
    else:
        clocks = [_clock_s(match[1]), _clock_s(match[2])]
        if None in clocks:
            wrong = match[1 + clocks.index(None)]
            fault = f"{place}: expected hours:minutes:seconds,milliseconds, got {wrong!r:.80}"
        else:
            start_s, end_s = (clock or 0.0 for clock in clocks)
            if end_s <= start_s:
                fault = f"{place}: expected an end after {start_s} s, got {end_s} s"
    whole = [(line, bool(_WORD_TIME.search(line))) for line in _joined_tags(content)]
    cleaned = [(words, timed) for line, timed in whole if (words := _plain(line))]
    said = tuple(words for words, _ in cleaned)
    return _Cue(start_s, end_s, fault, said, tuple(timed for _, timed in cleaned))


def _joined_tags(lines: list[str]) -> list[str]:
    """Join lines in the middle of a tag."""
    text = "\n".join(lines)
    return re.sub(r"<[A-Za-z/][^<>]*>", lambda tag: tag[0].replace("\n", " "), text).split("\n")


def _plain(line: str) -> str:
    """The words of a line: no tags, character references as the characters that they stand for."""
    line = _TAG.sub("", _SPACE_TAG.sub(" ", _WORD_TIME.sub("", _RUBY_TEXT.sub("", line))))
    return " ".join(html.unescape(line).translate(_UNSEEN).split())


def _clock_s(text: str) -> float | None:
    if not (match := _CLOCK.fullmatch(text)):
        return None
    return 3600 * int(match[1] or 0) + 60 * int(match[2]) + float(match[3].replace(",", "."))


def _once(cues: list[_Cue]) -> list[_Cue]:
    """Remove the lines that a cue repeats, if the cues roll; then cues without a line."""
    if not cues:
        return []
    shared = [0, *(_num_repeated(one, two) for one, two in pairwise(cues))]
    # Someone may say a line twice. Of rolling captions most cues repeat, and some add a line.
    adds = any(num and num < len(cue.lines) for num, cue in zip(shared, cues, strict=True))
    if not adds or sum(map(bool, shared)) * 2 < len(cues) - 1:
        return cues
    rest = (replace(cue, lines=cue.lines[n:]) for n, cue in zip(shared, cues, strict=True))
    return [cue for cue, n in zip(rest, shared, strict=True) if cue.lines or not n]


def _num_repeated(before: _Cue, cue: _Cue) -> int:
    """The most lines at the cue's beginning that are those at the end of the cue before it.

    YouTube gives the words of a new line their times.
    """
    most = cue.timed.index(True) if True in cue.timed else len(cue.lines)
    for num in range(min(most, len(before.lines), _MAX_ROLLING), 0, -1):
        if before.lines[-num:] == cue.lines[:num]:
            return num
    return 0


def _in_time(cues: list[_Cue]) -> list[_Cue]:
    """End each cue where the next one begins, if most of them last longer, as rolling ones do."""
    pairs = list(pairwise(cues))
    late = [not (one.fault or two.fault) and one.start_s < two.start_s < one.end_s
            for one, two in pairs]  # fmt: skip
    if sum(late) < 2 or sum(late) * 2 < len(pairs):
        return cues
    ended = [replace(one, end_s=two.start_s) if is_late else one
             for (one, two), is_late in zip(pairs, late, strict=True)]  # fmt: skip
    return [*ended, *cues[-1:]]
