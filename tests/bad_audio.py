"""Audio files in many formats, and the many ways in which they are broken, made anew each time.

Each ``*_files`` function is one class of fault: at least 40 files by name, the format or tool that
wrote them times the kind of damage.
"""

import io
import struct
from fractions import Fraction

import numpy as np
import soundfile

from tests.examples import tone

# name: libsndfile's format, subtype, sample rate
WRITTEN = {
    "pcm16.wav": ("WAV", "PCM_16", 16_000),
    "pcm24.wav": ("WAV", "PCM_24", 44_100),
    "float.wav": ("WAV", "FLOAT", 48_000),
    "ulaw.wav": ("WAV", "ULAW", 8_000),
    "pcm.flac": ("FLAC", "PCM_16", 16_000),
    "vorbis.ogg": ("OGG", "VORBIS", 44_100),
    "opus.ogg": ("OGG", "OPUS", 48_000),
    "layer3.mp3": ("MP3", "MPEG_LAYER_III", 44_100),
    "pcm.aiff": ("AIFF", "PCM_16", 16_000),
    "pcm.caf": ("CAF", "PCM_16", 16_000),
    "pcm.w64": ("W64", "PCM_16", 16_000),
    "pcm.rf64": ("RF64", "PCM_16", 16_000),
    "pcm.au": ("AU", "PCM_16", 16_000),
}
# name: FFmpeg's format, codec, sample rate
BY_PYAV = {
    "aac.m4a": ("ipod", "aac", 44_100),
    "aac.mkv": ("matroska", "aac", 44_100),
    "opus.webm": ("webm", "libopus", 48_000),
    "adts.aac": ("adts", "aac", 44_100),
    "narrow.amr": ("amr", "libopencore_amrnb", 8_000),
}
FLOAT = {"wav": "WAV", "aiff": "AIFF", "caf": "CAF", "w64": "W64", "au": "AU"}


def sound(duration_s: float, rate: int = 16_000) -> np.ndarray:
    """A tone in some noise, so that no codec makes it a handful of bytes; shape (num_samples,)."""
    random = np.random.default_rng(0)
    steady = tone(duration_s, peak=0.4, rate=rate)
    return steady + random.uniform(-0.1, 0.1, len(steady)).astype(np.float32)


def encode(
    samples: np.ndarray, rate: int = 16_000, format: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def encode_av(samples: np.ndarray, rate: int, format: str, codec: str, **options: str) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=format, options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        for start in range(0, len(samples), 4096):
            part = samples[start : start + 4096]
            frame = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def silence(seconds: int, rate: int, channels: int, format: str, subtype: str) -> bytes:
    """Minutes of silence, a few bytes for each in a codec."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, channels, subtype, format=format) as out:
        for _ in range(seconds // 60):
            out.write(np.zeros((rate * 60, channels), np.int16))
    return file.getvalue()


def whole_files(duration_s: float = 1.0) -> dict[str, bytes]:
    """One good file of each format."""
    files = {
        name: encode(sound(duration_s, rate), rate, format, subtype)
        for name, (format, subtype, rate) in WRITTEN.items()
    }
    for name, (format, codec, rate) in BY_PYAV.items():
        files[name] = encode_av(sound(duration_s, rate), rate, format, codec)
    return files


def truncated_files() -> dict[str, bytes]:
    """Cut off behind some share of their bytes."""
    return {
        f"{share}-{name}": audio[: int(share * len(audio))]
        for name, audio in whole_files().items()
        for share in (0.9, 0.6, 0.3, 0.1)
    }


def stub_files() -> dict[str, bytes]:
    """A few first bytes alone, none at all, or zeros in their place."""
    files = {
        f"{size}-{name}": audio[:size]
        for name, audio in whole_files().items()
        for size in (0, 1, 4, 12)
    }
    return files | {f"{size}-zeros.wav": bytes(size) for size in (1, 100, 4096, 100_000)}


def stranger_files() -> dict[str, bytes]:
    """Something else under the name of audio."""
    page = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
    strangers = {
        "page": page,
        "spaced-page": b"\n  " + page.lower(),
        "xml": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        "text": "Добры дзень, гэта не гук.".encode(),
        "json": b'{"error": "quota exceeded"}',
        "png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)),
        "pdf": b"%PDF-1.7\n" + bytes(range(256)),
        "zip": b"PK\x03\x04" + bytes(range(256)),
        "midi": b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60" + bytes(64),
        "noise": np.random.default_rng(1).bytes(20_000),
    }
    return {
        f"{name}{ending}": content
        for name, content in strangers.items()
        for ending in (".wav", ".flac", ".mp3", ".ogg")
    }


def no_number_files() -> dict[str, bytes]:
    """NaN or infinity, one or many, at the beginning, in the middle or at the end."""
    files = {}
    for ending, format in FLOAT.items():
        for name, value in (("nan", np.nan), ("inf", np.inf), ("minus-inf", -np.inf)):
            for place, where in (("first", 0), ("last", -1), ("half", slice(8_000, None))):
                samples = sound(1.0)
                samples[where] = value
                files[f"{place}-{name}.{ending}"] = encode(samples, format=format, subtype="FLOAT")
    return files


def empty_files() -> dict[str, bytes]:
    """Whole headers without a sample."""
    return {
        f"{channels}-{rate}-{name}": encode(np.zeros((0, channels)), rate, format, subtype)
        for name, (format, subtype, _) in WRITTEN.items()
        if format in {"WAV", "AIFF", "CAF", "W64", "RF64", "AU"}
        for channels in (1, 2)
        for rate in (8_000, 16_000, 44_100)
    }


def lying_files() -> dict[str, bytes]:
    """Headers that announce what no recording has."""
    rates = [0, 1, 100, 3_999, 384_001, 1_000_000, 2**31 - 1, 2**31, 2**32 - 1]
    channels = [0, 33, 64, 255, 256, 1_000, 1_024, 1_025, 32_768, 65_535]
    sizes = [96_000, 2**18, 2**20, 2**22, 2**24, 2**26, 2**27]  # of 32 000 that are there
    wav = encode(sound(1.0))
    flac = encode(sound(1.0), format="FLAC")
    files = {f"{rate}-hz.wav": _put(wav, 24, struct.pack("<I", rate)) for rate in rates}
    for count in channels:
        raw = _put(wav, 22, struct.pack("<H", count))
        files[f"{count}-channels.wav"] = raw
        files[f"{count}-aligned-channels.wav"] = _put(
            raw, 32, struct.pack("<H", min(2 * count, 65_535))
        )
    files |= {f"{size}-bytes.wav": _put(wav, 40, struct.pack("<I", size)) for size in sizes}
    for frames in (20_000, 2**20, 2**31, 2**36 - 1):  # of 16 000 that are there
        high, low = frames >> 32, frames & 0xFFFF_FFFF
        total = bytes([flac[21] & 0xF0 | high]) + struct.pack(">I", low)
        files[f"{frames}-frames.flac"] = _put(flac, 21, total)
    return files


def soundless_files() -> dict[str, bytes]:
    """Silence, or a constant: what an unplugged microphone or a dead channel gives.

    Vorbis and Opus make a thump of a large constant's beginning, and that is a sound.
    """
    return {
        f"{level}-{name}": encode(np.full(rate, level), rate, format, subtype)
        for name, (format, subtype, rate) in WRITTEN.items()
        for level in (0.0, 0.001, 0.3, -0.9)
        if format != "OGG" or abs(level) < 0.1
    }


def endless_files() -> dict[str, bytes]:
    """Eleven seconds, where ten are the limit."""
    return {
        f"{channels}-{rate}-{name}": encode(_channels(11.0, rate, channels), rate, format, subtype)
        for name, (format, subtype, _) in WRITTEN.items()
        if name not in {"opus.ogg", "pcm24.wav", "ulaw.wav"}
        for channels in (1, 2)
        for rate in (8_000, 16_000)
    }


def _channels(duration_s: float, rate: int, channels: int) -> np.ndarray:
    return np.tile(tone(duration_s, rate=rate)[:, None], (1, channels))


def _put(audio: bytes, place: int, value: bytes) -> bytes:
    return audio[:place] + value + audio[place + len(value) :]
