"""What a model folder says of itself, read without torch."""

from pathlib import Path

from pydantic import BaseModel, Field, ValidationError
from tokenizers import Tokenizer

from asr.core.errors import InputError, faults
from asr.core.files import read_json, write_json
from asr.core.schema import Schema

FILE = "speech_llm.json"
# Parts of a model folder, each as transformers writes it: other tools can read the language model.
ENCODER, LANGUAGE_MODEL = "encoder", "language_model"
MAX_ENCODER_POSITIONS = 1500  # of 20 ms, the window of every Whisper


class Joint(Schema):
    """Schema of ``speech_llm.json``: how encoder and language model are joined.

    Attributes:
        stack: neighbouring frames of the encoder, 20 ms each, in one embedding.
        width: of the projector's hidden layer.
        margin_s: seconds of silence behind each clip; see ``window.py``.
    """

    stack: int = Field(ge=1, le=20)  # the shortest context has 20 frames
    width: int = Field(ge=1, le=65536)
    margin_s: float = Field(ge=0, le=30)


class _Positions(BaseModel):
    max_position_embeddings: int


def write_joint(folder: Path, joint: Joint) -> None:
    """Write ``speech_llm.json``."""
    write_json(folder / FILE, joint.model_dump())


def read_joint(folder: Path) -> Joint:
    """Read ``speech_llm.json``.

    Raises:
        InputError: if the folder has none, or a key is missing or wrong.
    """
    path = folder / FILE
    try:
        return Joint.model_validate(read_json(path))
    except ValidationError as error:
        raise InputError(f"{path}: {faults(error)[0]}") from error
    except OSError as error:
        raise InputError(f"{folder}: expected a speech_llm model, got {error}") from error


def read_max_positions(folder: Path) -> int:
    """Most tokens and embeddings that the language model reads and writes together.

    Raises:
        InputError: if its config does not say.
    """
    path = folder / LANGUAGE_MODEL / "config.json"
    try:
        return _Positions.model_validate(read_json(path)).max_position_embeddings
    except (OSError, ValidationError) as error:
        raise InputError(f"{path}: expected max_position_embeddings, got {error}") from error


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read the language model's tokenizer.

    Raises:
        InputError: if the file is missing or damaged.
    """
    path = folder / LANGUAGE_MODEL / "tokenizer.json"
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises no narrower class
        raise InputError(f"{path}: expected a tokenizer, got {error}") from error
