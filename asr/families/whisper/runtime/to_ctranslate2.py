"""Convert a transformers folder to CTranslate2's format, as CTranslate2's own converter does.

That converter loads the model in torch: ten core-seconds and 250 MB, where this one takes one
second. It also can't leave tokens out, and half the decoder's time per token is the choice among
51 865 tokens.
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
from asr.ctranslate2_files.format import Variable, write_model
from asr.ctranslate2_files.names import (
    EMBEDDING,
    NO_PARAMETER,
    PROJECTION,
    PROJECTION_WEIGHT,
    REVISION,
    SPEC,
    stacked_parameters,
)
from asr.families.whisper.tokens import timestamp_tokens
from asr.families.whisper.tokens.description import Description

# Settings of CTranslate2's generic decoder, with the values of a Whisper.
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
ROWS = 4096  # rows quantized at a time, so that temporary copies of the embedding stay small

Array = NDArray[np.float32]


def convert(
    folder: Path,
    config: Description,
    tokenizer: Tokenizer,
    tokens: Sequence[int],
    precision: str,
    out: Path,
) -> None:
    """Write the model of ``folder`` into the new folder ``out``.

    Args:
        folder: written by ``model.save``, in float32.
        config: the configs of the folder.
        tokenizer: the tokenizer of the folder.
        tokens: ids of the tokens to keep, in the order of the new vocabulary.
        precision: ``int8`` quantizes the matrices here; CTranslate2 converts to any other precision
            when it loads the model.
        out: a new folder, to be loaded by ``ctranslate2.models.Whisper``.

    Raises:
        InputError: if the weights are damaged or don't match ``config``.
    """
    out.mkdir()
    try:
        # pread, since the pages of a memory-mapped file count as memory of the process.
        with safe_open(folder / "model.safetensors", "np", backend="pread") as weights:
            tied = PROJECTION_WEIGHT not in weights.keys()  # noqa: SIM118, a file, not a dict
            aliases = {PROJECTION: EMBEDDING} if tied else {}
            variables = _variables(config, weights, tokens, tied, in_int8=precision == "int8")
            write_model(out / "model.bin", SPEC, REVISION, variables, aliases)
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: can't be converted to CTranslate2: {error}") from error
    names = _token_names(tokenizer, config.vocab_size)
    write_json(out / "vocabulary.json", [names[token] for token in tokens])
    write_json(out / "config.json", _config(config, tokens))


def _variables(
    config: Description, weights: Any, tokens: Sequence[int], tied: bool, *, in_int8: bool
) -> Iterator[tuple[str, Variable]]:
    yield "encoder/num_heads", _scalar("int16", config.encoder_attention_heads)
    yield "decoder/num_heads", _scalar("int16", config.decoder_attention_heads)
    for name, (dtype, value) in SETTINGS.items():
        yield name, _scalar(dtype, value)
    table = stacked_parameters(config.encoder_layers, config.decoder_layers)
    if not tied:
        table[PROJECTION] = (PROJECTION_WEIGHT,)
    for name, stacked in table.items():
        parts = [
            np.zeros(config.d_model, np.float32) if parameter.endswith(NO_PARAMETER)
            else weights.get_tensor(parameter)
            for parameter in stacked
        ]  # fmt: skip
        array = np.concatenate(parts) if len(parts) > 1 else parts[0]
        if name in (EMBEDDING, PROJECTION) and len(tokens) < len(array):
            array = array[tokens]
        if in_int8 and name.endswith("/weight"):
            array, scales = quantize_int8(array)
            yield f"{name}_scale", Variable("float32", scales)
        yield name, Variable(array.dtype.name, array)


def _token_names(tokenizer: Tokenizer, vocab_size: int) -> list[str]:
    """A name for each row of the vocabulary, none twice; rows without a token get timestamps."""
    token_of = {i: token for token, i in tokenizer.get_vocab().items()}
    spare = (name for name in timestamp_tokens(vocab_size) if tokenizer.token_to_id(name) is None)
    return [token_of[i] if i in token_of else next(spare) for i in range(vocab_size)]


def _scalar(dtype: str, value: int) -> Variable:
    return Variable(dtype, np.array(value, dtype))


def quantize_int8(matrix: Array) -> tuple[NDArray[np.int8], Array]:
    """Quantize a matrix to int8 with one scale per row, bit for bit like ``LayerSpec._quantize``.

    Args:
        matrix: shape (num_rows, ...).

    Returns:
        Levels, shape (num_rows, ...); scales, shape (num_rows,), with levels = matrix x scale.
    """
    levels = np.empty(matrix.shape, np.int8)
    scales = np.empty(len(matrix), np.float32)
    for start in range(0, len(matrix), ROWS):
        rows = matrix[start : start + ROWS]
        flat = rows.reshape(len(rows), -1)
        highest = np.abs(flat).max(axis=1)
        highest[highest == 0] = 127
        # Rows of tiny numbers need a lower bound, or the scale overflows float32.
        highest = np.maximum(highest, np.float32(127) / np.finfo(np.float32).max)
        scales[start : start + ROWS] = scale = np.float32(127) / highest
        levels[start : start + ROWS] = np.rint(flat * scale[:, None]).reshape(rows.shape)
    return levels, scales


def _config(config: Description, tokens: Sequence[int]) -> dict[str, Any]:
    """CTranslate2's ``config.json``, with rows of the new vocabulary as token ids."""
    row_of = {token: row for row, token in enumerate(tokens)}

    def rows_of(ids: Iterable[int] | None) -> list[int]:
        return [row_of[token] for token in ids or () if token in row_of]

    last_half = range(config.decoder_layers // 2, config.decoder_layers)
    return {
        "alignment_heads": config.alignment_heads
        or list(product(last_half, range(config.decoder_attention_heads))),
        "lang_ids": rows_of(sorted(set(config.lang_to_id.values()))),
        "suppress_ids": rows_of(config.suppress_tokens),
        "suppress_ids_begin": rows_of(config.begin_suppress_tokens),
    }
