"""Check the number of samples that a FLAC header states against the last frame's place.

An encoder that writes to a pipe leaves 0 there (RFC 9639, section 8.2), where libsndfile fails to
seek. Of a number that is too small, libsndfile reads so many samples and drops the rest.
"""

import re

from asr.audio.stream import UndecodableError

_TOTAL = slice(21, 26)  # 36 bits: the last 4 of byte 21 and four bytes more
_TOTAL_MASK = 0xF_FFFF_FFFF
_STREAM_START = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_MAX_HEADER = 16  # bytes of a frame's header
_MAX_FRAME = 1 << 20  # bytes; 65,535 samples of 8 channels of 16 bits, the most, have as many
_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_MAX_TRIES = 1024  # of places with a sync code; in 1 MB by chance 32 have one
_SIZES = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608} | {n: 1 << n for n in range(8, 16)}


def with_real_total(audio: bytes) -> bytes:
    """Return the file, with its number of samples filled in if the header leaves it open.

    Raises:
        UndecodableError: if more samples follow than the header states; has both numbers.
    """
    if audio[:4] != b"fLaC" or len(audio) < 42:
        return audio
    if any(audio.find(start, 42) > 0 for start in _STREAM_START):
        raise UndecodableError("another recording follows behind the first FLAC stream")
    field = int.from_bytes(audio[_TOTAL])
    stated, num_samples = field & _TOTAL_MASK, _end_of_last_frame(audio)
    if stated == 0 and num_samples:
        mended = field | num_samples & _TOTAL_MASK
        return audio[: _TOTAL.start] + mended.to_bytes(5) + audio[_TOTAL.stop :]
    rate = int.from_bytes(audio[18:21]) >> 4
    if stated and num_samples - stated > 0.05 * rate:
        raise UndecodableError(f"the header states {stated} samples, but {num_samples} follow")
    return audio


def _end_of_last_frame(audio: bytes) -> int:
    """Samples up to the end of the last frame; 0 if none begins in the last ``_MAX_FRAME``."""
    starts = [match.start() for match in _SYNC.finditer(audio, max(42, len(audio) - _MAX_FRAME))]
    for start in reversed(starts[-_MAX_TRIES:]):
        if (end := _end_of_frame(audio, start)) is not None:
            return end
    return 0


def _end_of_frame(audio: bytes, at: int) -> int | None:
    """Samples up to the end of the frame that begins at ``at``, None if no frame does."""
    header = audio[at : at + _MAX_HEADER]
    if len(header) < 6 or header[1] & 0xFE != 0xF8 or header[3] & 1 or header[2] & 0xF == 0xF:
        return None
    size = _number_bytes(header[4])
    if not size:
        return None
    number = header[4] if size == 1 else header[4] & (0x7F >> size)
    for byte in header[5 : 4 + size]:
        number = number << 6 | byte & 0x3F
    length_code, position = header[2] >> 4, 4 + size
    wide = {6: 1, 7: 2}.get(length_code, 0)
    num_samples = int.from_bytes(header[position : position + wide]) + 1 if wide else None
    num_samples = num_samples or _SIZES.get(length_code)
    position += wide + {12: 1, 13: 2, 14: 2}.get(header[2] & 0xF, 0)
    if num_samples is None or len(header) <= position:
        return None
    if _crc8(header[:position]) != header[position]:
        return None
    if header[1] & 1:  # blocks of various sizes: the number is that of the first sample
        return number + num_samples
    block = int.from_bytes(audio[10:12])  # the largest, which is the size of all but the last
    return number * block + num_samples if num_samples <= block else None


def _number_bytes(first: int) -> int:
    """Bytes of a number in UTF-8's way, by the first one; 0 if it can't be the first."""
    ones = 8 - (first ^ 0xFF).bit_length()
    return 1 if ones == 0 else ones if 2 <= ones <= 7 else 0


def _crc8(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
