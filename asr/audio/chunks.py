"""Check the length that a WAV, AIFF, CAF or AU header states against the bytes that follow.

A program that writes to a pipe can't go back and fill in the length: it leaves 0 there, or the
largest number that it knows (sox and espeak-ng 0x7ffff000, arecord 0x80000000, ffmpeg 0xffffffff).
libsndfile takes most of these at their word. So the real length replaces an unknown one. A length
that is too short would end the recording in silence about the rest, so it is an error.
"""

import re
import struct
from dataclasses import dataclass

from asr.audio.stream import UndecodableError

_WRITER_GAVE_UP = 0x7E00_0000  # bytes beyond the file's end; 2 GiB without what headers take
_HOURS_S = 2 * 3600  # that much more than there is was never recorded
_SLACK_BYTES = 400  # 50 ms of the slimmest telephone speech: no word is that short
_MAX_CHUNKS = 4096  # before the samples, and behind them; recorders write up to a few dozen
_CHUNK = re.compile(rb"[A-Za-z0-9 _()\xa9-]{4}")
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")  # what taggers append to any file


@dataclass(frozen=True)
class _Data:
    """The chunk of samples.

    Attributes:
        length_at: offset of its length.
        length_format: of the length, as ``struct`` names it.
        start: offset of the first byte that the length counts.
        length: as the header states it, in bytes.
        bytes_per_s: as the header states it, 0 if it does not.
    """

    length_at: int
    length_format: str
    start: int
    length: int
    bytes_per_s: int = 0


def with_real_length(audio: bytes) -> bytes:
    """Return the file, with the length of its samples filled in if the header leaves it open.

    Raises:
        UndecodableError: if more samples follow than the header states; has both numbers.
    """
    if (data := _data(audio)) is None:
        return audio
    available = len(audio) - data.start
    if _is_unknown(data, audio):
        length = struct.pack(data.length_format, available)
        return audio[: data.length_at] + length + audio[data.length_at + len(length) :]
    if data.length < available and (more := _unexplained(audio, data)) > _SLACK_BYTES:
        raise UndecodableError(
            f"the header states {data.length} bytes of audio, but {more} more bytes follow"
        )
    return audio


def _data(audio: bytes) -> _Data | None:
    """Find the samples; None for other formats and for files without samples."""
    if audio[:4] in (b"RIFF", b"RF64", b"BW64") and audio[8:12] == b"WAVE":
        return _wav(audio)
    if audio[:4] == b"FORM" and audio[8:12] in (b"AIFF", b"AIFC"):
        at = _find(audio, b"SSND", 12, ">I", even=True)
        return _sized(audio, at, ">I")
    if audio[:4] == b"caff":
        at = _find(audio, b"data", 8, ">q", even=False)
        return _sized(audio, at, ">q")
    if audio[:4] == b".snd" and len(audio) >= 24:
        start, length = struct.unpack_from(">II", audio, 4)
        return _Data(8, ">I", start, length) if 24 <= start <= len(audio) else None
    return None


def _sized(audio: bytes, at: int | None, length_format: str) -> _Data | None:
    if at is None:
        return None
    (length,) = struct.unpack_from(length_format, audio, at + 4)
    start = at + 4 + struct.calcsize(length_format)
    return _Data(at + 4, length_format, start, length)


def _wav(audio: bytes) -> _Data | None:
    at = _find(audio, b"data", 12, "<I", even=True)
    layout = _find(audio, b"fmt ", 12, "<I", even=True)
    if at is None or layout is None or layout + 20 > len(audio):
        return None
    (bytes_per_s,) = struct.unpack_from("<I", audio, layout + 16)
    (length,) = struct.unpack_from("<I", audio, at + 4)
    if audio[:4] != b"RIFF" and audio[12:16] == b"ds64" and len(audio) >= 36:
        (length,) = struct.unpack_from("<Q", audio, 28)  # four bytes were too few
        return _Data(28, "<Q", at + 8, length, bytes_per_s)
    return _Data(at + 4, "<I", at + 8, length, bytes_per_s)


def _find(audio: bytes, name: bytes, position: int, length_format: str, even: bool) -> int | None:
    """Offset of the first chunk of a name, None if its header is not whole or not there."""
    header = 4 + struct.calcsize(length_format)
    for _ in range(_MAX_CHUNKS):
        if position + header > len(audio):
            return None
        if audio[position : position + 4] == name:
            return position
        (length,) = struct.unpack_from(length_format, audio, position + 4)
        if length < 0:
            return None
        position += header + length + (length & even)
    raise UndecodableError(
        f"damaged: expected the chunk {name.decode()!r} among {_MAX_CHUNKS} chunks, got none"
    )


def _is_unknown(data: _Data, audio: bytes) -> bool:
    available = len(audio) - data.start
    missing = data.length - available
    if data.length == 0:
        return _unexplained(audio, data) > 0
    return (
        data.length < 0
        or missing >= _WRITER_GAVE_UP
        or (data.bytes_per_s > 0 and missing >= _HOURS_S * data.bytes_per_s)
    )


def _unexplained(audio: bytes, data: _Data) -> int:
    """Bytes after the samples that are neither chunks, nor tags, nor zeros that fill a block."""
    end = data.start + data.length
    position = end + (data.length & 1 and audio[end : end + 1] == b"\0")
    size = struct.calcsize(data.length_format) if data.length_format != "<Q" else 4
    order = data.length_format if size != 4 else data.length_format[0] + "I"
    num_chunks = 0
    while position + 4 + size <= len(audio) and audio[:4] != b".snd":
        name = audio[position : position + 4]
        (length,) = struct.unpack_from(order, audio, position + 4)
        after = position + 4 + size + length
        # A second file behind the first is no chunk of it.
        if not _CHUNK.fullmatch(name) or name in (b"RIFF", b"FORM", b"caff") or length < 0:
            break
        if after > len(audio) + 1:
            break
        if (num_chunks := num_chunks + 1) > _MAX_CHUNKS:
            raise UndecodableError(
                f"damaged: expected at most {_MAX_CHUNKS} chunks behind the audio, got more"
            )
        position = after + (length & 1 if size == 4 else 0)
    rest = audio[position:]
    return 0 if rest.startswith(_TAGS) or not rest.strip(b"\0") else len(rest)
