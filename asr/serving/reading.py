"""An upload to a waveform: any container, decoded in a few threads, a long one stored on disk.

An upload waits on disk; ``num_readers`` of them are in memory at once, each for the time of its
decoding. The waveform of a clip of one piece stays in memory; that of a longer file goes to a
temporary file, from which the batcher reads a piece at a time.
"""

import tempfile
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from asr.audio.decoding import TooLongError, decode
from asr.audio.params import SilenceParams
from asr.audio.silence import MIN_S, cut_at_silences
from asr.audio.stream import UndecodableError
from asr.core.errors import InputError
from asr.serving.errors import ApiError
from asr.utterances.waveform import SAMPLE_RATE, Waveform


@dataclass(frozen=True)
class Audio:
    """A decoded file.

    Attributes:
        waveform: of the whole file.
        bounds: first sample and end of each piece; none is longer than the model's window.
    """

    waveform: Waveform
    bounds: list[tuple[int, int]]


def read_audio(
    file: BinaryIO, max_duration_s: float, longest_s: float, silence: SilenceParams
) -> Audio:
    """Decode a file and cut it at silences where it is longer than a model's window.

    Args:
        file: any format of ``asr.audio.decoding``.
        max_duration_s: a longer file is refused, whatever length its header states.
        longest_s: length of the longest piece, in seconds.
        silence: section ``prepare.silence``.

    Raises:
        ApiError: if the file is no audio, is damaged, or is too long or too short.
    """
    file.seek(0)
    try:
        waveform = decode(file.read(), max_duration_s).waveform
    except TooLongError as error:
        message = f"expected at most {max_duration_s:g} s of audio, got more"
        raise ApiError(400, f"file: {message}", "file", "audio_too_long") from error
    except UndecodableError as error:
        raise ApiError(400, f"file: {error}", "file", "undecodable_audio") from error
    except InputError as error:  # PyAV is not installed
        raise ApiError(415, f"file: {error}", "file", "unsupported_audio") from error
    duration_s = len(waveform) / SAMPLE_RATE
    if duration_s < MIN_S:
        message = f"file: expected at least {MIN_S:g} s of audio, got {duration_s:.3f}"
        raise ApiError(400, message, "file", "audio_too_short")
    if duration_s <= longest_s:
        return Audio(waveform, [(0, len(waveform))])
    return Audio(_on_disk(waveform), cut_at_silences(waveform, longest_s, silence))


def _on_disk(waveform: Waveform) -> Waveform:
    """The same waveform in a file without a name, which is gone with it."""
    with tempfile.TemporaryFile() as file:
        waveform.tofile(file)
        return np.memmap(file, np.float32, mode="r", shape=waveform.shape)
