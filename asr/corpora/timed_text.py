"""Parse timed transcripts: LRC (karaoke), SRT and WebVTT (subtitles), JSON with segments."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from asr.core.errors import InputError
from asr.corpora.recording import Segment
from asr.corpora.tables import parse_json

_LRC_TIME = re.compile(r"\[(\d{1,4}):(\d{1,2}(?:[.:]\d{1,3})?)\]")
_LRC_TAG = re.compile(r"\[([A-Za-z#]+):([^\]]*)\]")
_LRC_WORD_TIME = re.compile(r"<\d{1,4}:\d{1,2}(?:[.:]\d{1,3})?>")
_ARROW = re.compile(r"^\s*([\d:.,]+)\s*-->\s*([\d:.,]+)(\s.*)?$")
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}[.,]\d{1,3})")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|\{\\[^{}]*\}")

ALIGNMENT_CONFIDENCE = "alignment_confidence"

Segments = tuple[Segment, ...]


def read_lrc(text: str, place: str) -> tuple[Segments, dict[str, str]]:
    """Return the lines of an LRC file, sorted by time, and its tags, such as ``la`` or ``offset``.

    A line may have several times, for a refrain. Lines with the same time are joined. A line ends
    where the next one begins, the last one at the recording's end. ``[offset:500]`` shifts all
    lines 500 ms earlier.

    Raises:
        InputError: if a line has no valid time or tag; names file and line.
    """
    tags: dict[str, str] = {}
    lines: list[tuple[float, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not (line := line.strip()):
            continue
        rest, times = line, []
        while match := _LRC_TIME.match(rest):
            times.append(60 * int(match[1]) + float(match[2].replace(":", ".")))
            rest = rest[match.end() :].lstrip()
        if times:
            words = " ".join(_LRC_WORD_TIME.sub(" ", rest).split())
            lines += [(time_s, words) for time_s in times]
        elif tag := _LRC_TAG.fullmatch(line):
            tags[tag[1].lower()] = tag[2].strip()
        else:
            raise InputError(f"{place}:{number}: expected [minutes:seconds], got {line!r:.80}")
    shift_s = _offset_s(tags.get("offset", "0"), place)
    at: dict[float, list[str]] = defaultdict(list)
    for time_s, words in sorted(lines, key=lambda line: line[0]):
        at[max(0.0, time_s - shift_s)].append(words)
    ends = [*list(at)[1:], None]
    segments = (
        Segment(start_s, end_s, " ".join(filter(None, words)))
        for (start_s, words), end_s in zip(at.items(), ends, strict=False)
    )
    return tuple(segments), tags


def _offset_s(text: str, place: str) -> float:
    if not re.fullmatch(r"[+-]?\d{1,7}", text):
        raise InputError(f"{place}: offset: expected milliseconds, got {text!r:.80}")
    return int(text) / 1000


def read_subtitles(text: str, place: str) -> Segments:
    """Return the cues of an SRT or WebVTT file, in file order, without markup.

    Raises:
        InputError: if there is no cue, or one has invalid times; names file and line.
    """
    segments: list[Segment] = []
    lines = [line.rstrip("\r") for line in text.split("\n")]
    number = 0
    while number < len(lines):
        if match := _ARROW.match(lines[number]):
            where = f"{place}:{number + 1}"
            start_s, end_s = _clock_s(match[1], where), _clock_s(match[2], where)
            first = number + 1
            while number + 1 < len(lines) and lines[number + 1].strip():
                number += 1
            words = _MARKUP.sub(" ", " ".join(lines[first : number + 1]))
            segments.append(_segment(start_s, end_s, " ".join(words.split()), where))
        elif "-->" in lines[number]:
            raise InputError(
                f"{place}:{number + 1}: expected 00:00:01,000 --> 00:00:02,000, "
                f"got {lines[number]!r:.80}"
            )
        number += 1
    if text.strip() and not segments:
        raise InputError(f"{place}: expected lines with 00:00:01,000 --> 00:00:02,000, got none")
    return tuple(segments)


def _clock_s(text: str, place: str) -> float:
    if not (match := _CLOCK.fullmatch(text)):
        raise InputError(f"{place}: expected hours:minutes:seconds,milliseconds, got {text!r:.80}")
    return 3600 * int(match[1] or 0) + 60 * int(match[2]) + float(match[3].replace(",", "."))


def read_timed_json(text: str, place: str) -> tuple[str | None, Segments, dict[str, Any]]:
    """Return text, segments and the other keys of a JSON transcript, such as Whisper writes.

    The form is ``{"text": …, "segments": [{"start": 0.0, "end": 1.5, "text": …}], …}`` or only
    the list of segments. Times are in seconds; ``start_s`` and ``end_s`` are accepted as well.

    Raises:
        InputError: if a key is missing or has another type; names file and key.
    """
    value = parse_json(text, place)
    extra = {"segments": value} if isinstance(value, list) else value
    if not isinstance(extra, dict):
        raise InputError(f"{place}: expected an object or a list of segments, got {value!r:.80}")
    whole, items = extra.pop("text", None), extra.pop("segments", None)
    if whole is not None and not isinstance(whole, str):
        raise InputError(f"{place}: text: expected text, got {whole!r:.80}")
    if items is None:
        if whole is None:
            raise InputError(f"{place}: expected text or segments, there are {list(extra)!r:.120}")
        return whole, (), extra
    if not isinstance(items, list):
        raise InputError(f"{place}: segments: expected a list, got {items!r:.80}")
    segments = tuple(_json_segment(s, f"{place}: segment {n}") for n, s in enumerate(items, 1))
    return whole, segments, extra


def _json_segment(item: Any, place: str) -> Segment:
    if not isinstance(item, dict):
        raise InputError(f"{place}: expected an object, got {item!r:.80}")
    if not isinstance(words := item.get("text"), str):
        raise InputError(f"{place}: text: expected text, got {words!r:.80}")
    start_s = _number(item, ("start", "start_s"), place)
    segment = _segment(start_s, _number(item, ("end", "end_s"), place), words.strip(), place)
    if ALIGNMENT_CONFIDENCE in item:  # commands.segment wrote it
        confidence = _number(item, (ALIGNMENT_CONFIDENCE,), place)
        segment = replace(segment, confidence=confidence)
    return segment


def _number(item: dict[str, Any], keys: Iterable[str], place: str) -> float:
    key = next((key for key in keys if key in item), None)
    value = item[key] if key is not None else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
        raise InputError(
            f"{place}: {key or ' or '.join(keys)}: expected seconds, got {value!r:.80}"
        )
    return float(value)


def _segment(start_s: float, end_s: float, words: str, place: str) -> Segment:
    if not (math.isfinite(end_s) and start_s < end_s):
        raise InputError(f"{place}: expected an end after {start_s} s, got {end_s} s")
    return Segment(start_s, end_s, words)


def joined_text(segments: Iterable[Segment]) -> str:
    """Join the transcripts of all segments by spaces."""
    return " ".join(segment.text for segment in segments if segment.text)
