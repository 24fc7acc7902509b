"""Decode formats that libsndfile can't (MP4, WebM, AAC, AMR, WMA) with PyAV, which bundles FFmpeg.

PyAV is optional. Without it, such a file raises an error that names the command to install it.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from asr.audio.stream import Stream, UndecodableError
from asr.core.errors import needs

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

# Containers that store their duration; for others FFmpeg estimates it from the file size.
_STORE_LENGTH = {"mov", "matroska"}


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
            yield _stream(container, demuxer)
    except av.FFmpegError as error:
        raise UndecodableError(f"{demuxer}: {error.strerror}") from error
    except (ValueError, RuntimeError, MemoryError) as error:
        raise UndecodableError(f"{demuxer}: {error}") from error


def _stream(container: "InputContainer", demuxer: str) -> Stream:
    frames = _frames(container, demuxer)
    # Some AAC headers state half the decoded rate, so take the rate from the first frame.
    first = next(frames, None)
    if first is None:
        raise UndecodableError(f"{demuxer}: no samples")
    length_us = container.duration if demuxer in _STORE_LENGTH else None
    return Stream(
        format=demuxer.upper(),
        rate=first.sample_rate,
        num_channels=len(first.layout.channels),
        blocks=(_block(frame) for frame in chain([first], frames)),
        num_frames=length_us * first.sample_rate // 1_000_000 if length_us else None,
    )


def _frames(container: "InputContainer", demuxer: str) -> Iterator["AudioFrame"]:
    """Yield frames of the first audio track as planar float32."""
    import av

    if not container.streams.audio:
        raise UndecodableError(f"{demuxer}: no audio track")
    resampler = av.AudioResampler(format="fltp")
    for frame in container.decode(container.streams.audio[0]):
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _block(frame: "AudioFrame") -> npt.NDArray[np.float32]:
    """Shape (num_frames, num_channels)."""
    return frame.to_ndarray().T.astype(np.float32, copy=False)
