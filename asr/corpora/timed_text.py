"""Parse timed transcripts: LRC (karaoke) and JSON with segments."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from asr.core.errors import InputError
from asr.corpora.recording import Segment
from asr.corpora.subtitles import Segments, split_lines
from asr.corpora.tables import parse_json

# [minutes:seconds] or [hours:minutes:seconds.hundredths]
_LRC_TIME = re.compile(
    r"\[(?:(\d{1,2}):(?=\d{1,2}:\d{1,2}\.))?(\d{1,4}):(\d{1,2}(?:[.:]\d{1,3})?)\]"
)
_LRC_TAG = re.compile(r"\[([A-Za-z#]+):([^\]]*)\]")
_LRC_SECTION = re.compile(r"(\[[^\]]*\]\s*)+")
_LRC_WORD_TIME = re.compile(r"<(\d{1,4}):(\d{1,2}(?:[.:]\d{1,3})?)>")

ALIGNMENT_CONFIDENCE = "alignment_confidence"


def read_lrc(text: str, place: str) -> tuple[Segments, dict[str, str]]:
    """Return the lines of an LRC file, sorted by time, and its tags, such as ``la`` or ``offset``.

    A line may have several times, for a refrain. Lines with the same time are joined. A line ends
    at the time behind its last word, or where the next line begins, the last one at the
    recording's end. ``[offset:500]`` shifts all lines 500 ms earlier. ``[Chorus]`` is not sung. A
    line of words without a time has a ``fault``.

    Raises:
        InputError: if no line has a time, or the offset is no number; names the file.
    """
    tags: dict[str, str] = {}
    lines: list[tuple[float, str]] = []
    untimed: list[Segment] = []
    for number, line in enumerate(map(str.strip, split_lines(text)), start=1):
        rest, times = line, []
        while match := _LRC_TIME.match(rest):
            times.append(3600 * int(match[1] or 0) + _lrc_s(match[2], match[3]))
            rest = rest[match.end() :].lstrip()
        if times:
            lines += [(time_s, rest) for time_s in times]
        elif tag := _LRC_TAG.fullmatch(line):
            tags[tag[1].lower()] = tag[2].strip()
        elif line and not _LRC_SECTION.fullmatch(line):
            fault = f"{place}:{number}: expected [minutes:seconds], got {line!r:.80}"
            untimed.append(Segment(0.0, 0.0, line, fault=fault))
    if untimed and not lines:
        raise InputError(str(untimed[0].fault))
    shift_s = _offset_s(tags.get("offset", ""), place)
    return (*_lrc_segments(lines, shift_s), *untimed), tags


def _lrc_segments(lines: list[tuple[float, str]], shift_s: float) -> Iterable[Segment]:
    at: dict[float, list[str]] = defaultdict(list)
    for time_s, words in sorted(lines, key=lambda line: line[0]):
        at[max(0.0, time_s - shift_s)].append(words)
    for (start_s, parts), next_s in zip(at.items(), [*list(at)[1:], None], strict=False):
        words = " ".join(" ".join(map(_without_word_times, parts)).split())
        end_s = next_s
        # Behind the last word stands where it ends.
        if times := [m for m in _LRC_WORD_TIME.finditer(parts[-1]) if m.end() == len(parts[-1])]:
            last_s = _lrc_s(times[0][1], times[0][2]) - shift_s
            if start_s < last_s and (next_s is None or last_s < next_s):
                end_s = last_s
        yield Segment(start_s, end_s, words)


def _without_word_times(words: str) -> str:
    return _LRC_WORD_TIME.sub(" ", words)


def _lrc_s(minutes: str, seconds: str) -> float:
    return 60 * int(minutes) + float(seconds.replace(":", "."))


def _offset_s(text: str, place: str) -> float:
    if not text:
        return 0.0
    if not (match := re.fullmatch(r"([+-]?\d{1,7})(?: ?ms)?", text)):
        raise InputError(f"{place}: offset: expected milliseconds, got {text!r:.80}")
    return int(match[1]) / 1000


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
    """A segment; one that can't be read has a ``fault``, which costs that segment alone."""
    words = item.get("text", "") if isinstance(item, dict) else ""
    words = "" if words is None else words
    try:
        if not isinstance(item, dict):
            raise InputError(f"{place}: expected an object, got {item!r:.80}")
        if "text" not in item or not isinstance(words, str):
            raise InputError(f"{place}: text: expected text, got {item.get('text')!r:.80}")
        segment = _timed_segment(item, words.strip(), place)
    except InputError as error:
        return Segment(0.0, 0.0, words.strip() if isinstance(words, str) else "", fault=str(error))
    return segment


def _timed_segment(item: dict[str, Any], words: str, place: str) -> Segment:
    start_s = _number(item, ("start", "start_s"), place)
    end_s = _number(item, ("end", "end_s"), place)
    if not (math.isfinite(end_s) and start_s < end_s):
        raise InputError(f"{place}: expected an end after {start_s} s, got {end_s} s")
    if ALIGNMENT_CONFIDENCE in item:  # commands.segment wrote it
        return Segment(start_s, end_s, words, _number(item, (ALIGNMENT_CONFIDENCE,), place))
    return Segment(start_s, end_s, words)


def _number(item: dict[str, Any], keys: Iterable[str], place: str) -> float:
    key = next((key for key in keys if key in item), None)
    value = item[key] if key is not None else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
        raise InputError(
            f"{place}: {key or ' or '.join(keys)}: expected seconds, got {value!r:.80}"
        )
    return float(value)


def joined_text(segments: Iterable[Segment]) -> str:
    """Join the transcripts of all segments by spaces."""
    return " ".join(segment.text for segment in segments if segment.text)
