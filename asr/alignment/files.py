"""A clip's word times as files that players and front ends read."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from asr.alignment.lines import Line
from asr.alignment.params import Format
from asr.alignment.words import Word

# What S4's front end and Whisper's own users look for.
NAMES: dict[Format, str] = {
    "json": "transcription_base.json",
    "txt": "transcription_base.txt",
    "lrc": "karaoke.lrc",
    "srt": "subtitles.srt",
    "vtt": "subtitles.vtt",
}


def write_files(
    folder: Path, lines: Sequence[Line], text: str, language: str, formats: Sequence[Format]
) -> None:
    """Write one file for each format into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in formats:
        content = {
            "json": lambda: whisper_json(lines, text, language),
            "txt": lambda: f"{text}\n",
            "lrc": lambda: lrc(lines),
            "srt": lambda: subtitles(lines, "srt"),
            "vtt": lambda: subtitles(lines, "vtt"),
        }[name]()
        (folder / NAMES[name]).write_text(content, encoding="utf-8")


def whisper_json(lines: Sequence[Line], text: str, language: str) -> str:
    """The form that OpenAI's Whisper writes with ``word_timestamps=True``: segments with words."""
    segments = [
        {
            "id": index,
            "start": line.start_s,
            "end": line.end_s,
            "text": f" {line.text}",
            "words": [_word(word) for word in line.words if word.start_s is not None],
        }
        for index, line in enumerate(lines)
    ]
    content = {"text": f" {text}", "segments": segments, "language": language}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _word(word: Word) -> dict[str, Any]:
    return {
        "word": f" {word.text}",
        "start": word.start_s,
        "end": word.end_s,
        "probability": word.confidence,
    }


def lrc(lines: Sequence[Line]) -> str:
    """Lyrics in the enhanced LRC form: a time before each line and each word, and after the last.

    Players that know only lines skip what is in angle brackets.
    """
    return "".join(f"[{_clock(line.start_s)}]{_timed(line)}\n" for line in lines)


def _timed(line: Line) -> str:
    words = [
        word.text if word.start_s is None else f"<{_clock(word.start_s)}>{word.text}"
        for word in line.words
    ]
    return f"{' '.join(words)} <{_clock(line.end_s)}>"


def _clock(seconds: float) -> str:
    """Minutes, seconds and hundredths: 65.25 s is ``01:05.25``."""
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000:02}:{hundredths % 6000 / 100:05.2f}"


def subtitles(lines: Sequence[Line], format_: str) -> str:
    """SubRip (``srt``) or WebVTT (``vtt``), one line a cue, as the server's page writes them."""
    mark, head = (".", "WEBVTT\n\n") if format_ == "vtt" else (",", "")
    # WebVTT reads `<` and `&` as markup; SubRip has no escapes.
    texts = [escape(line.text, quote=False) if head else line.text for line in lines]
    times = [f"{_stamp(one.start_s, mark)} --> {_stamp(one.end_s, mark)}" for one in lines]
    cues = enumerate(zip(times, texts, strict=True), start=1)
    return head + "".join(f"{number}\n{time}\n{text}\n\n" for number, (time, text) in cues)


def _stamp(seconds: float, mark: str) -> str:
    """Hours to milliseconds: 65.25 s is ``00:01:05,250``."""
    minutes, ms = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}{mark}{ms % 1000:03}"
