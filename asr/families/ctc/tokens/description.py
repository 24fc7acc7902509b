"""What a model folder says of itself, read without torch."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from asr.core.errors import InputError, faults
from asr.core.files import read_json, write_json
from asr.core.schema import Schema

FILE = "ctc.json"
WHISPER = "whisper"
# Encoders that read the waveform itself; the others read log-mel frames.
OF_WAVEFORMS = ("wav2vec2", "hubert")
# As transformers names them in ``config.json``.
Kind = Literal["whisper", "wav2vec2", "hubert", "wav2vec2-bert", "parakeet_ctc"]


class Description(Schema):
    """Schema of ``ctc.json``.

    Attributes:
        kind: which encoder.
        num_pieces: most pieces of words that train adds to the letters; 0 for letters alone.
        margin_s: seconds of silence behind each clip; None for all but Whisper's encoder.
        convolutions: kernel, stride and padding of what makes frames of samples, one by one.
    """

    kind: Kind
    num_pieces: int = Field(ge=0, le=20_000)
    margin_s: float | None = Field(ge=0, le=30)
    convolutions: list[list[int]] = Field(min_length=1)

    def num_frames(self, num_samples: int) -> int:
        """Frames of a clip, each with one output: a transcript has no more labels."""
        length = num_samples
        for kernel, stride, padding in self.convolutions:
            length = (length + 2 * padding - kernel) // stride + 1
        return max(0, length)


def write_description(folder: Path, description: Description) -> None:
    """Write ``ctc.json``."""
    write_json(folder / FILE, description.model_dump())


def read_description(folder: Path) -> Description:
    """Read ``ctc.json``.

    Raises:
        InputError: if the folder has none, or a key is missing or wrong.
    """
    path = folder / FILE
    try:
        return Description.model_validate(read_json(path))
    except ValidationError as error:
        raise InputError(f"{path}: {faults(error)[0]}") from error
    except OSError as error:
        raise InputError(f"{folder}: expected a ctc model, got {error}") from error
