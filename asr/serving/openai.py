"""OpenAI's transcriptions: what a form may ask for, and the forms of the answer.

A parameter that no model here has is an error by its name, since to ignore it would be to answer
another question. Two values can't be measured in every family and are fixed: ``no_speech_prob`` is
0, ``tokens`` is empty.
"""

import json
import math
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from starlette.datastructures import FormData

from asr.alignment.files import lrc, subtitles, whisper_json
from asr.alignment.lines import Line
from asr.alignment.words import Word
from asr.serving.errors import ApiError
from asr.serving.models import FoundModel
from asr.serving.service import Transcript
from asr.serving.transcription import Piece, Transcription
from asr.utterances.language import language_name

Format = Literal["json", "text", "verbose_json", "srt", "vtt", "lrc"]
MEDIA = {"text": "text/plain", "srt": "application/x-subrip", "vtt": "text/vtt",
         "lrc": "text/plain"}  # fmt: skip
FORMATS = ("json", "text", "verbose_json", "srt", "vtt", "lrc")
GRANULARITIES = "timestamp_granularities[]"
FRAMES_A_SECOND = 100  # of Whisper's seek
Whole = Callable[[Transcription, tuple[Piece, ...]], Transcript]

# Parameters of OpenAI's that models here lack, and the values that mean the same as none.
LACKING: dict[str, tuple[str, ...]] = {
    "prompt": ("",),
    "temperature": ("", "0", "0.0"),
    "chunking_strategy": ("", "auto"),  # long audio is always cut at silences
    "include": (),
    "include[]": (),
    "keywords": (),
    "keywords[]": (),
    "languages": (),
    "languages[]": (),
    "known_speaker_names": (),
    "known_speaker_names[]": (),
    "known_speaker_references": (),
    "known_speaker_references[]": (),
}
KNOWN = {"file", "model", "language", "response_format", "stream", GRANULARITIES,
         "timestamp_granularities"}  # fmt: skip


@dataclass(frozen=True)
class Form:
    """The parts of a request that are about its answer.

    Attributes:
        format: ``response_format``.
        granularities: ``timestamp_granularities``; segment if none is given.
        stream: whether events are wanted.
    """

    format: Format
    granularities: tuple[str, ...]
    stream: bool

    @property
    def words(self) -> bool:
        """Whether word times are needed: lines of subtitles begin and end with words."""
        return self.format in ("verbose_json", "srt", "vtt", "lrc")


def check_form(form: FormData) -> Form:
    """Check a form.

    Raises:
        ApiError: names the parameter, what was expected and what it has.
    """
    for name, value in form.multi_items():
        if name in LACKING and not (isinstance(value, str) and value in LACKING[name]):
            raise ApiError(400, f"{name}: no model here has it", name, "unsupported_parameter")
        if name not in KNOWN and name not in LACKING:
            raise ApiError(400, f"{name:.80}: no such parameter", name[:80], "unknown_parameter")
    asked = (value for name in (GRANULARITIES, GRANULARITIES[:-2]) for value in form.getlist(name))
    granularities = tuple(value for value in asked if isinstance(value, str))
    for value in granularities:
        _check(GRANULARITIES, value, ("word", "segment"))
    format_ = _check("response_format", str(form.get("response_format") or "json"), FORMATS)
    if granularities and format_ != "verbose_json":
        message = f"{GRANULARITIES}: expected response_format verbose_json, got {format_}"
        raise ApiError(400, message, GRANULARITIES, "unsupported_parameter")
    stream = _check("stream", str(form.get("stream") or "false").lower(), ("true", "false"))
    if stream == "true" and format_ not in ("json", "text", "verbose_json"):
        message = f"stream: expected response_format json, text or verbose_json, got {format_}"
        raise ApiError(400, message, "stream", "unsupported_parameter")
    return Form(format_, granularities or ("segment",), stream == "true")  # type: ignore[arg-type]


def _check(name: str, value: str, allowed: Iterable[str]) -> str:
    if value not in allowed:
        message = f"{name}: expected one of {', '.join(allowed)}, got {value!r:.80}"
        raise ApiError(400, message, name, "invalid_value")
    return value


def answer(transcript: Transcript, form: Form) -> str | dict[str, Any]:
    """The body: text, or what becomes JSON."""
    lines = [line for _, line in transcript.lines] if form.words else []
    if form.format == "text":
        return f"{transcript.text}\n"
    if form.format in ("srt", "vtt"):
        return subtitles(lines, form.format)
    if form.format == "lrc":
        return lrc(lines)
    usage = {"type": "duration", "seconds": math.ceil(transcript.duration_s)}
    if form.format == "json":
        return {"text": transcript.text, "usage": usage}
    language = language_name(transcript.language)
    found: dict[str, Any] = {
        "task": "transcribe",
        "language": language.lower() if language else transcript.language,
        "duration": round(transcript.duration_s, 3),
        "text": transcript.text,
        "usage": usage,
    }
    if "segment" in form.granularities:
        found["segments"] = [_segment(number, *one) for number, one in enumerate(transcript.lines)]
    if "word" in form.granularities:
        found["words"] = [_word(word) for word in transcript.words if word.start_s is not None]
    return found


def lrc_of(transcript: Transcript) -> str:
    """Karaoke lyrics."""
    return lrc([line for _, line in transcript.lines])


def whisper_json_of(transcript: Transcript) -> Any:
    """What OpenAI's Whisper writes with ``word_timestamps=True``."""
    lines = [line for _, line in transcript.lines]
    return json.loads(whisper_json(lines, transcript.text, transcript.language))


def _segment(number: int, piece: Piece, line: Line) -> dict[str, Any]:
    text = f" {line.text}"
    content = text.encode()
    return {
        "id": number,
        "seek": round(piece.start_s * FRAMES_A_SECOND),
        "start": line.start_s,
        "end": line.end_s,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": piece.hypothesis.mean_log_prob,
        "compression_ratio": round(len(content) / len(zlib.compress(content)), 3),
        "no_speech_prob": 0.0,
    }


def _word(word: Word) -> dict[str, Any]:
    times = {"start": word.start_s, "end": word.end_s}
    return {"word": word.text, **times, "probability": word.confidence}


async def events(request: Transcription, form: Form, whole: Whole) -> AsyncIterator[str]:
    """Server-sent events: the text of each piece when it is there, then the whole.

    With ``verbose_json`` the last one has its times too, which OpenAI's has not.
    """
    texts: list[str] = []
    found: list[Piece] = []
    async with aclosing(request.pieces()) as pieces:
        async for piece in pieces:
            found.append(piece)
            if text := piece.hypothesis.text:
                delta = f" {text}" if texts else text
                texts.append(text)
                yield event({"type": "transcript.text.delta", "delta": delta})
    usage = {"type": "duration", "seconds": math.ceil(request.duration_s)}
    done = {"type": "transcript.text.done", "text": " ".join(texts), "usage": usage}
    times = answer(whole(request, tuple(found)), form) if form.format == "verbose_json" else {}
    yield event({**times, **done} if isinstance(times, dict) else done)
    yield "data: [DONE]\n\n"


def event(values: dict[str, Any]) -> str:
    """One event."""
    return f"data: {json.dumps(values, ensure_ascii=False)}\n\n"


def model_of(model: FoundModel) -> dict[str, Any]:
    """A model in the list, with its scores."""
    return {
        "id": model.name,
        "object": "model",
        "created": int(model.modified_s),
        "owned_by": "mothertongue",
        "family": model.family,
        "scores": model.scores(),
    }
