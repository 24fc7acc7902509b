"""Encode clips for the page's audio players, so that the page stays small enough to send."""

import base64
import io
from collections.abc import Sequence

import soundfile

from asr.utterances.waveform import SAMPLE_RATE, Waveform, to_int16

MOST_BYTES = 8_000_000  # of all clips in base64; the page is then below 10 MB
# Chromium 150 stops with an error when it seeks in a short FLAC file: of 55 clips in 26, the
# largest of 24.6 kB.
_LEAST_FLAC_BYTES = 32_768


def audio_uris(waveforms: Sequence[Waveform], most_bytes: int = MOST_BYTES) -> list[str]:
    """Return each clip as ``data:`` URI.

    FLAC has every sample, in 16 kB for a second of speech; clips of up to two seconds are WAV, in
    32 kB. If they are more than ``most_bytes``, all are MP3, in 6 kB for a second. Those that do
    not fit even so are empty strings, the last first.
    """
    lossless = [_lossless_uri(waveform) for waveform in waveforms]
    if sum(map(len, lossless)) <= most_bytes:
        return lossless
    uris, left = [], most_bytes
    for waveform in waveforms:
        uri = _mp3_uri(waveform) if left > 0 else ""
        left -= len(uri)
        uris.append(uri if left >= 0 else "")
    return uris


def _lossless_uri(waveform: Waveform) -> str:
    """FLAC is in browsers since 2017."""
    flac = _encoded(waveform, "FLAC", "PCM_16")
    if len(flac) >= _LEAST_FLAC_BYTES:
        return _uri("flac", flac)
    return _uri("wav", _encoded(waveform, "WAV", "PCM_16"))


def _mp3_uri(waveform: Waveform) -> str:
    return _uri("mpeg", _encoded(waveform, "MP3", "MPEG_LAYER_III"))


def _encoded(waveform: Waveform, form: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, to_int16(waveform), SAMPLE_RATE, format=form, subtype=subtype)
    return file.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:audio/{kind};base64,{base64.b64encode(content).decode('ascii')}"
