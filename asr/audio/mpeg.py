"""Check the number of frames that an MP3's header states against the frames that are there.

MPEG audio has no length. An encoder that can go back writes the number of frames into the first
one (Xing, Info or VBRI). Without it libsndfile estimates a length and stops there, in the middle
of a file of variable bitrate (libsndfile issue 1001). So count the frames, and give libsndfile
that number in a frame of its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from asr.audio.stream import UndecodableError

_SLACK_S = 0.06  # two frames: one counts the frame of the header, one may be cut
_MAX_TAG = 1 << 20  # bytes before the first frame besides ID3: a recorder that starts anywhere
_MAX_FRAME = 2048  # bytes; the largest has 1441
_MAX_GAP = 1 << 20  # bytes without a frame, besides ID3
_MAX_ID3 = 16  # tags in a row; a file has one, or one for each version
_MAX_TRIES = 20_000  # places that look like a header; 40 MB of random bytes have as many
# Sync, a known version and layer; a known bitrate and rate.
_HEADER = re.compile(
    rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][%b]"
    % b"".join(rb"\x%b0-\x%bb" % (high, high) for high in re.findall(b".", b"123456789abcde"))
)
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")  # what may follow the last frame
# kbit/s by version 1 and by versions 2 and 2.5, for layers 1 to 3; index 0 is any bitrate.
_KBITS = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_INFO_BITRATE = 9 << 4  # of our own frame: 80 kbit/s and more, which holds a header at any rate


@dataclass(frozen=True)
class _Frame:
    """A frame's header: rate in Hz, samples and bytes of the frame."""

    layer: int
    first_version: bool
    mono: bool
    rate: int
    num_samples: int
    size: int

    @property
    def side_bytes(self) -> int:
        """Bytes between the header and where Xing may stand."""
        return (17 if self.mono else 32) if self.first_version else (9 if self.mono else 17)


def with_real_count(audio: bytes) -> bytes:
    """Return the file, with a frame that states the number of frames if it has none.

    Raises:
        UndecodableError: if more frames follow than the header states; has both numbers.
    """
    if not (audio.startswith(b"ID3") or (audio[:1] == b"\xff" and audio[1:2] >= b"\xe0")):
        if (start := _start_in_mid_frame(audio)) is None:
            return audio
        audio = audio[start:]
    if (start := _first_frame(audio)) is None or not (first := _frame(audio, start)):
        return audio
    count = _count(audio, start, first)
    stated = _stated(audio, start, first)
    if stated is None:
        if first.layer != 3 or not count:  # the other layers have no such frame
            return audio
        return _info(audio[start : start + 4], first, count) + audio[start:]
    stated_s, got_s = (n * first.num_samples / first.rate for n in (stated, count - 1))
    if stated and got_s - stated_s > _SLACK_S:
        raise UndecodableError(f"the header states {stated_s:.2f} s, but {got_s:.2f} s follow")
    return audio


def _start_in_mid_frame(audio: bytes) -> int | None:
    """Offset of the first frame in what a recorder of a stream writes: it begins anywhere.

    Eight frames in a row are no chance.
    """
    if audio[:4] in (b"RIFF", b"RF64", b"FORM", b"caff", b".snd", b"OggS", b"fLaC"):
        return None
    start = -1
    while (start := audio.find(b"\xff", start + 1, _MAX_FRAME)) >= 0:
        position, first = start, _frame(audio, start)
        for _ in range(8):
            frame = _frame(audio, position)
            if first is None or frame is None or not _same(frame, first):
                break
            position += frame.size
        else:
            return start
    return None


def _first_frame(audio: bytes) -> int | None:
    """Offset of the first frame that another one follows."""
    position = _behind_id3(audio, 0)
    end = position + _MAX_TAG + 2
    for _ in range(_MAX_TRIES):
        if (found := _HEADER.search(audio, position, end)) is None:
            return None
        position = found.start()
        frame = _frame(audio, position)
        if frame and _same(_frame(audio, position + frame.size), frame):
            return position
        position += 1
    return None


def _behind_id3(audio: bytes, position: int) -> int:
    """Offset behind the ID3 tags that begin at ``position``."""
    for _ in range(_MAX_ID3):
        if audio[position : position + 3] != b"ID3" or len(audio) < position + 10:
            break
        size = 0
        for byte in audio[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        position += 10 + size + (10 if audio[position + 5] & 0x10 else 0)
    return position


def _frame(audio: bytes, at: int) -> _Frame | None:
    """Read the header at ``at``; None if there is none, or one of any bitrate."""
    return _header(audio[at : at + 4])


@lru_cache(maxsize=4096)  # a file repeats a few: this counts its frames in a third of the time
def _header(header: bytes) -> _Frame | None:
    if len(header) < 4 or header[0] != 0xFF or header[1] < 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    bits = 1000 * _KBITS[version == 3, layer][bitrate]
    hz = _RATES[version][rate]
    num_samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    size = num_samples // 8 * bits // hz + padding
    size = 4 * (12 * bits // hz + padding) if layer == 1 else size
    return _Frame(layer, version == 3, header[3] >> 6 == 3, hz, num_samples, size)


def _same(one: _Frame | None, other: _Frame) -> bool:
    """Whether two frames can belong to one stream, whatever their bitrates."""
    return one is not None and (one.layer, one.num_samples, one.rate) == (
        other.layer, other.num_samples, other.rate,
    )  # fmt: skip


def _count(audio: bytes, position: int, first: _Frame) -> int:
    """Whole frames from ``position`` on; what is between them is skipped, as decoders do.

    Raises:
        UndecodableError: if what is between them is too long to search.
    """
    count, tries = 0, iter(range(_MAX_TRIES))
    while position < len(audio):
        frame = _frame(audio, position)
        if frame and _same(frame, first):
            count += position + frame.size <= len(audio)
            position += frame.size
        else:
            position = _next_frame(audio, position, first, tries)
    return count


def _next_frame(audio: bytes, gap: int, first: _Frame, tries: Iterator[int]) -> int:
    """Offset of the next frame that another one follows, or the end if there is none."""
    position = behind if (behind := _behind_id3(audio, gap)) < len(audio) else gap
    end = position + _MAX_GAP + 2
    for _ in tries:
        if (found := _HEADER.search(audio, position, end)) is None:
            if end >= len(audio) or _is_tag_or_fill(audio[gap:]):
                return len(audio)
            raise UndecodableError(f"damaged: no MPEG frame in the {_MAX_GAP} bytes from {gap} on")
        position = found.start()
        frame = _frame(audio, position)
        if frame and _same(frame, first) and _same(_frame(audio, position + frame.size), first):
            return position
        position += 1
    raise UndecodableError(f"damaged: more than {_MAX_TRIES} false headers of MPEG frames")


def _is_tag_or_fill(rest: bytes) -> bool:
    """Whether a tag begins here, or one byte fills the rest, as zeros fill a block."""
    return rest.startswith(_TAGS) or not rest.strip(rest[:1])


def _stated(audio: bytes, start: int, first: _Frame) -> int | None:
    """Frames by the first frame's own header, None if it is no header."""
    xing = start + 4 + first.side_bytes
    if audio[xing : xing + 4] in (b"Xing", b"Info"):
        has_count = audio[xing + 7 : xing + 8] and audio[xing + 7] & 1
        return int.from_bytes(audio[xing + 8 : xing + 12]) if has_count else 0
    vbri = start + 36
    if audio[vbri : vbri + 4] == b"VBRI":
        return int.from_bytes(audio[vbri + 14 : vbri + 18])
    return None


def _info(header: bytes, first: _Frame, count: int) -> bytes:
    """A frame without sound that states ``count``: no checksum, no padding."""
    mine = bytes([header[0], header[1] | 1, header[2] & 0x0C | _INFO_BITRATE, header[3]])
    frame = _frame(mine, 0)
    size = frame.size if frame else 0
    content = mine + bytes(first.side_bytes) + b"Info" + (1).to_bytes(4) + count.to_bytes(4)
    return content.ljust(size, b"\0")
