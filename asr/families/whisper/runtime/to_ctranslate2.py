"""A plain transformers folder in CTranslate2's format, as CTranslate2's own converter writes it.

That one imports torch and transformers and loads the model there: ten seconds of a core and 250 MB
for what takes one second. Nor can it leave tokens out: half of what a token costs the decoder is
the choice among 51 865.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from asr.core.errors import InputError
from asr.core.files import write_json
from asr.families.whisper.runtime.ctranslate2_format import Variable, write_model
from asr.families.whisper.runtime.ctranslate2_names import (
    EMBEDDING,
    NO_PARAMETER,
    PROJECTION,
    REVISION,
    SPEC,
    stacked_parameters,
)
from asr.families.whisper.tokens import timestamp_tokens
from asr.families.whisper.tokens.description import Description

# Switches of CTranslate2's general decoder, as Whisper has them.
SETTINGS: dict[str, tuple[str, int]] = {
    "decoder/activation": ("int8", 3),  # GELU
    "decoder/alibi": ("int8", 0),
    "decoder/alibi_use_positive_positions": ("int8", 0),
    "decoder/alignment_heads": ("int16", 1),
    "decoder/alignment_layer": ("int16", -1),
    "decoder/pre_norm": ("int8", 1),
    "decoder/scale_alibi": ("int8", 0),
    "decoder/scale_embeddings": ("int8", 0),
    "decoder/start_from_zero_embedding": ("int8", 0),
}
ROWS = 4096  # of a matrix that are rounded at a time, so that copies of an embedding stay small

Array = NDArray[np.float32]


def convert(
    folder: Path,
    about: Description,
    tokenizer: Tokenizer,
    tokens: Sequence[int],
    precision: str,
    out: Path,
) -> None:
    """Write the model of ``folder`` into the new folder ``out``.

    Args:
        folder: as ``saving.save`` writes it, in float32.
        about: what it says of the model.
        tokenizer: the folder's.
        tokens: those that the model keeps, in the order of its own numbers.
        precision: ``int8`` rounds the matrices; in any other they stay as they are, and CTranslate2
            rounds as it loads.
        out: for ``ctranslate2.models.Whisper``.

    Raises:
        InputError: if the weights are damaged, or not those of such a model.
    """
    out.mkdir()
    try:
        # Pages of a mapped file would count as the process's memory.
        with safe_open(folder / "model.safetensors", "np", backend="pread") as weights:
            variables = _variables(about, weights, tokens, in_int8=precision == "int8")
            write_model(out / "model.bin", SPEC, REVISION, variables, {PROJECTION: EMBEDDING})
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: can't be converted to CTranslate2: {error}") from error
    ids = tokenizer.get_vocab()
    names = sorted(ids, key=ids.__getitem__)
    names += timestamp_tokens(about.vocab_size - len(names))
    write_json(out / "vocabulary.json", [names[token] for token in tokens])
    write_json(out / "config.json", _decoding(about, tokens))


def _variables(
    about: Description, weights: Any, tokens: Sequence[int], *, in_int8: bool
) -> Iterator[tuple[str, Variable]]:
    yield "encoder/num_heads", _scalar("int16", about.encoder_attention_heads)
    yield "decoder/num_heads", _scalar("int16", about.decoder_attention_heads)
    for name, (dtype, value) in SETTINGS.items():
        yield name, _scalar(dtype, value)
    table = stacked_parameters(about.encoder_layers, about.decoder_layers)
    for name, stacked in table.items():
        parts = [
            np.zeros(about.d_model, np.float32) if parameter.endswith(NO_PARAMETER)
            else weights.get_tensor(parameter)
            for parameter in stacked
        ]  # fmt: skip
        array = np.concatenate(parts) if len(parts) > 1 else parts[0]
        if name == EMBEDDING and len(tokens) < len(array):
            array = array[tokens]
        if in_int8 and name.endswith("/weight"):
            array, scales = in_127_levels(array)
            yield f"{name}_scale", Variable("float32", scales)
        yield name, Variable(array.dtype.name, array)


def _scalar(dtype: str, value: int) -> Variable:
    return Variable(dtype, np.array(value, dtype))


def in_127_levels(matrix: Array) -> tuple[NDArray[np.int8], Array]:
    """Round it, each row in a scale of its own, to the bit as ``LayerSpec._quantize`` does.

    Args:
        matrix: (num_rows, ...).

    Returns:
        levels (num_rows, ...), and what each row was multiplied with (num_rows,).
    """
    levels = np.empty(matrix.shape, np.int8)
    scales = np.empty(len(matrix), np.float32)
    for start in range(0, len(matrix), ROWS):
        rows = matrix[start : start + ROWS]
        flat = rows.reshape(len(rows), -1)
        highest = np.abs(flat).max(axis=1)
        highest[highest == 0] = 127
        # A scale that float32 can hold, for rows of next to nothing.
        highest = np.maximum(highest, np.float32(127) / np.finfo(np.float32).max)
        scales[start : start + ROWS] = scale = np.float32(127) / highest
        levels[start : start + ROWS] = np.rint(flat * scale[:, None]).reshape(rows.shape)
    return levels, scales


def _decoding(about: Description, tokens: Sequence[int]) -> dict[str, Any]:
    """CTranslate2's ``config.json``, in the model's own numbers."""
    place = {token: row for row, token in enumerate(tokens)}

    def places(some: Iterable[int] | None) -> list[int]:
        return [place[token] for token in some or () if token in place]

    last_half = range(about.decoder_layers // 2, about.decoder_layers)
    return {
        "alignment_heads": about.alignment_heads
        or list(product(last_half, range(about.decoder_attention_heads))),
        "lang_ids": places(sorted(about.lang_to_id.values())),
        "suppress_ids": places(about.suppress_tokens),
        "suppress_ids_begin": places(about.begin_suppress_tokens),
    }
