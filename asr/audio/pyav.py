"""Audio that libsndfile can't read: MP4, WebM, AAC, AMR, WMA, by PyAV, which brings FFmpeg along.

PyAV is not needed otherwise; without it such a file stops the run with the way to install it.
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

# Containers that store their length; FFmpeg guesses that of others from their size.
_STORE_LENGTH = {"mov", "matroska"}


@contextmanager
def open_av(audio: bytes, demuxer: str) -> Iterator[Stream]:
    """Open encoded audio.

    Args:
        audio: the file's bytes.
        demuxer: FFmpeg's name of the container; named, so that no file is taken for a playlist of
            other files.

    Raises:
        UndecodableError: if there is no audio, or it can't be read.
        InputError: if there is no PyAV. A reject would lose a recording that is as good as others.
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
    # The header of some AAC names half the rate that the decoder gives: the first frame knows.
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
    """The first audio track, as planar float32."""
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
