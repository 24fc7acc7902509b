"""Decode formats that libsndfile can't (MP4, WebM, AAC, AMR, WMA) with PyAV, which bundles FFmpeg.

PyAV is optional. Without it, such a file raises an error that names the command to install it.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from asr.audio.stream import Stream, UndecodableError
from asr.core.errors import needs

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

# A header may count a codec's delay as audio: AAC's is 48 ms at 44.1 kHz.
_SLACK_S = 0.05
_INFO, _DURATION = b"\x15\x49\xa9\x66", b"\x44\x89"  # Matroska's names of these elements


@contextmanager
def open_av(audio: bytes, demuxer: str) -> Iterator[Stream]:
    """Open encoded audio.

    Args:
        audio: the file's bytes.
        demuxer: FFmpeg's name of the container. FFmpeg must not guess it: a file that it takes
            for a playlist could make it open other files.

    Raises:
        UndecodableError: if there is no audio, or it is damaged.
        InputError: if PyAV is not installed. The run stops, since a reject would lose good audio.
    """
    with needs("audio", f"{demuxer} audio"):
        import av
    try:
        with av.open(io.BytesIO(audio), mode="r", format=demuxer) as container:
            if not container.streams.audio:
                raise UndecodableError(f"{demuxer}: no audio track")
            yield _stream(container, demuxer, _stated_s(container, demuxer, audio))
    except av.FFmpegError as error:
        raise UndecodableError(f"{demuxer}: {error.strerror}") from error
    except (ValueError, RuntimeError, MemoryError) as error:
        raise UndecodableError(f"{demuxer}: {error}") from error


def _stated_s(container: "InputContainer", demuxer: str, audio: bytes) -> float | None:
    """Length that the header states; None where FFmpeg would estimate one from the file's size.

    MP4 states that of the audio track, Matroska that of the longest track.
    """
    track = container.streams.audio[0]
    if demuxer == "mov" and track.duration and track.time_base:
        return float(track.duration * track.time_base)
    start = audio.find(_INFO, 0, 1 << 16)
    if demuxer == "matroska" and start >= 0 and _DURATION in audio[start : start + 512]:
        return container.duration / 1_000_000 if container.duration else None
    return None


def _stream(container: "InputContainer", demuxer: str, stated_s: float | None) -> Stream:
    frames = _frames(container, demuxer, stated_s)
    # Some AAC headers state half the decoded rate, so take the rate from the first frame.
    first = next(frames, None)
    if first is None:
        raise UndecodableError(f"{demuxer}: no samples")
    return Stream(
        format=demuxer.upper(),
        rate=first.sample_rate,
        num_channels=len(first.layout.channels),
        blocks=(_block(frame) for frame in chain([first], frames)),
        num_frames=None,  # compared here, with the times of all tracks
    )


def _frames(
    container: "InputContainer", demuxer: str, stated_s: float | None
) -> Iterator["AudioFrame"]:
    """Yield frames of the first audio track as planar float32.

    Raises:
        UndecodableError: after the last frame, if the header states another length.
    """
    import av

    track = container.streams.audio[0]
    resampler = av.AudioResampler(format="fltp")
    start_s, end_s, decoded_s = float("inf"), 0.0, 0.0
    for packet in container.demux():
        if packet.stream is track or demuxer == "matroska":
            frames = cast("list[AudioFrame]", packet.decode()) if packet.stream is track else []
            for frame in frames:
                decoded_s += frame.samples / frame.sample_rate
                yield from resampler.resample(frame)
            if packet.pts is not None and packet.time_base is not None:
                start_s = min(start_s, float(packet.pts * packet.time_base))
                ticks = packet.pts + (packet.duration or 0)
                end_s = max(end_s, float(ticks * packet.time_base))
    yield from resampler.resample(None)
    if stated_s is None:
        return
    if stated_s - max(decoded_s, end_s) > _SLACK_S:
        got_s = max(decoded_s, end_s)
        raise UndecodableError(f"truncated: expected {stated_s:.2f} s, got {got_s:.2f} s")
    if (got_s := min(decoded_s, end_s - start_s)) - stated_s > _SLACK_S:
        raise UndecodableError(f"the header states {stated_s:.2f} s, but {got_s:.2f} s decode")


def _block(frame: "AudioFrame") -> npt.NDArray[np.float32]:
    """Shape (num_frames, num_channels)."""
    return frame.to_ndarray().T.astype(np.float32, copy=False)
