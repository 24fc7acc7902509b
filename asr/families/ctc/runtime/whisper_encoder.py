"""Whisper's encoder as a CTranslate2 model, beside a decoder of zeros that is never run.

CTranslate2 has no encoder of its own kind, so the file needs a decoder: one layer and three tokens.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from asr.core.errors import InputError, faults
from asr.core.files import read_json, write_json
from asr.ctranslate2_files.format import Variable, write_model
from asr.ctranslate2_files.names import (
    EMBEDDING,
    NO_PARAMETER,
    PROJECTION,
    REVISION,
    SPEC,
    stacked_parameters,
)

# Values of a Whisper; see ``asr.ctranslate2_files.parameters``.
SETTINGS: dict[str, tuple[str, int]] = {
    "decoder/activation": ("int8", 3),
    "decoder/alignment_heads": ("int16", 1),
    "decoder/alignment_layer": ("int16", -1),
    "decoder/pre_norm": ("int8", 1),
    "decoder/scale_embeddings": ("int8", 0),
    "decoder/num_heads": ("int16", 1),
}
TOKENS = ["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"]
Array = npt.NDArray[np.float32]


class _Sizes(BaseModel):
    d_model: int
    encoder_layers: int
    encoder_attention_heads: int
    num_mel_bins: int


@dataclass(frozen=True)
class Ctranslate2Encoder:
    """The encoder; ``model.encode`` maps log-mels of ``num_mels`` bins to its output."""

    model: ctranslate2.models.Whisper
    num_mels: int


def load_encoder(folder: Path, precision: str, num_workers: int) -> Ctranslate2Encoder:
    """Convert the encoder of a model folder and load it; on the CPU each worker uses one core.

    Raises:
        InputError: if the encoder is damaged.
    """
    encoder = folder / "encoder"
    with TemporaryDirectory() as scratch:
        converted = Path(scratch)
        try:
            sizes = _Sizes.model_validate(read_json(encoder / "config.json"))
            # pread, since the pages of a memory-mapped file count as memory of the process.
            with safe_open(encoder / "model.safetensors", "np", backend="pread") as weights:
                variables = _variables(sizes, weights)
                aliases = {PROJECTION: EMBEDDING}
                write_model(converted / "model.bin", SPEC, REVISION, variables, aliases)
        except ValidationError as error:
            raise InputError(f"{encoder}: expected an encoder, got {faults(error)[0]}") from error
        except (SafetensorError, OSError, TypeError, ValueError) as error:
            raise InputError(f"{encoder}: expected Whisper's encoder, got {error}") from error
        write_json(converted / "vocabulary.json", TOKENS)
        lists = {key: list[int]() for key in ("suppress_ids", "suppress_ids_begin", "lang_ids")}
        write_json(converted / "config.json", {**lists, "alignment_heads": [[0, 0]]})
        model = ctranslate2.models.Whisper(
            scratch, device="cpu", compute_type=precision, inter_threads=num_workers,
            intra_threads=1,
        )  # fmt: skip
    return Ctranslate2Encoder(model, sizes.num_mel_bins)


def _variables(sizes: _Sizes, weights: Any) -> Iterator[tuple[str, Variable]]:
    yield "encoder/num_heads", _scalar("int16", sizes.encoder_attention_heads)
    for name, (dtype, value) in SETTINGS.items():
        yield name, _scalar(dtype, value)
    for name, stacked in stacked_parameters(sizes.encoder_layers, 1).items():
        parts = [_parameter(sizes, weights, parameter) for parameter in stacked]
        yield name, Variable("float32", np.concatenate(parts))


def _parameter(sizes: _Sizes, weights: Any, name: str) -> Array:
    """A parameter of the encoder, or zeros for one of the decoder."""
    width = sizes.d_model
    if name.startswith("model.encoder.") and not name.endswith(NO_PARAMETER):
        found: Array = weights.get_tensor(name.removeprefix("model.encoder."))
        return found
    if name.endswith("embed_tokens.weight"):
        return np.zeros((len(TOKENS), width), np.float32)
    if name.endswith("embed_positions.weight"):
        return np.zeros((1, width), np.float32)
    is_matrix = name.endswith("weight") and "norm" not in name
    return np.zeros((width, width) if is_matrix else width, np.float32)


def _scalar(dtype: str, value: int) -> Variable:
    return Variable(dtype, np.array(value, dtype))


def read_head(folder: Path, num_tokens: int) -> tuple[Array, Array]:
    """Weight and bias of the head.

    Raises:
        InputError: if they are damaged, or not of ``num_tokens`` rows.
    """
    path = folder / "head.safetensors"
    try:
        with safe_open(path, "np") as weights:
            weight, bias = (weights.get_tensor(name) for name in ("weight", "bias"))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: expected the head, got {error}") from error
    if len(weight) != num_tokens:
        raise InputError(f"{path}: expected {num_tokens} rows as in vocab.json, got {len(weight)}")
    return weight, bias
