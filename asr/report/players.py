"""Encode clips for the page's audio players, so that the page stays small enough to send."""

import base64
import io
from collections.abc import Sequence

import soundfile

from asr.utterances.waveform import SAMPLE_RATE, Waveform, to_int16

MOST_BYTES = 8_000_000  # of all clips in base64; the page is then below 10 MB


def audio_uris(waveforms: Sequence[Waveform], most_bytes: int = MOST_BYTES) -> list[str]:
    """Return each clip as ``data:`` URI, all in one format.

    FLAC has every sample, in 16 kB for a second of speech. If that is more than ``most_bytes``, all
    are MP3, in 6 kB for a second. Those that do not fit even so are empty strings, the last first.
    """
    flac = [_flac_uri(waveform) for waveform in waveforms]
    if sum(map(len, flac)) <= most_bytes:
        return flac
    uris, left = [], most_bytes
    for waveform in waveforms:
        uri = _mp3_uri(waveform) if left > 0 else ""
        left -= len(uri)
        uris.append(uri if left >= 0 else "")
    return uris


def _flac_uri(waveform: Waveform) -> str:
    """Lossless, half of WAV's size, in browsers since 2017."""
    file = io.BytesIO()
    soundfile.write(file, to_int16(waveform), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return _uri("flac", file)


def _mp3_uri(waveform: Waveform) -> str:
    file = io.BytesIO()
    samples = to_int16(waveform)
    soundfile.write(file, samples, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III")
    return _uri("mpeg", file)


def _uri(kind: str, file: io.BytesIO) -> str:
    return f"data:audio/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
