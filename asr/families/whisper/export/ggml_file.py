"""The GGML file of whisper.cpp, whole in float16 or with quantized matrices.

The layout is what whisper.cpp's ``convert-h5-to-ggml.py`` and ``quantize`` write and
``whisper_model_load`` reads. All integers are int32, little-endian::

    magic · n_vocab … n_mels · file type
    num mels · num bins · float32 mel filters
    num tokens · num tokens x (length · bytes), without special tokens: whisper.cpp adds them
    weights x (num dimensions · length of name · type · sizes, innermost first · name · data)
"""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, QuantError
from gguf.quants import quantize

from asr.export.formats import CannotExportError, Source
from asr.families.whisper.export.ctranslate2_folder import to_float16
from asr.families.whisper.export.openai_file import dimensions, openai_weights
from asr.families.whisper.tokens.description import read_description, read_tokenizer

FILE = "ggml-model.bin"
MAGIC = 0x67676D6C
# ``enum ggml_ftype``; quantized ones plus 1000 times the version of quantization, which is 2.
FILE_TYPES = {"float16": 1, "q8_0": 2007, "q5_0": 2008, "q5_1": 2009}
FLOAT32, FLOAT16 = 0, 1  # ``enum ggml_type``

Weight = npt.NDArray[np.float32]


def write_ggml(kind: str, source: Source, out: Path) -> None:
    """Write ``ggml-model.bin``.

    Args:
        kind: of matrices, a key of ``FILE_TYPES``. Convolutions are float16, and vectors and
            positions float32, as in whisper.cpp's own files.
        source: what to export.
        out: an empty folder.

    Raises:
        CannotExportError: if the vocabulary has added tokens, a weight does not fit float16, or the
            rows of a matrix can't be divided into blocks.
    """
    sizes = dimensions(source.model)
    with (out / FILE).open("wb") as file:
        file.write(struct.pack("<12i", MAGIC, *sizes.values(), FILE_TYPES[kind]))
        filters = _mel_filters(sizes["n_mels"])
        file.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
        _write_tokens(file, source.model)
        for name, weight in openai_weights(source.model):
            _write_weight(file, name, weight, kind)


def _mel_filters(num_mels: int) -> Weight:
    """Shape (num_mels, 201): those of transformers' feature extractor."""
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(201, num_mels, 0.0, 8000.0, 16_000, "slaney", "slaney")
    return np.ascontiguousarray(filters.T, np.float32)


def _write_tokens(file: BinaryIO, model: Path) -> None:
    end = read_description(model).eos_token_id
    tokenizer = read_tokenizer(model)
    token_of = {number: token for token, number in tokenizer.get_vocab().items()}
    byte_of = byte_alphabet()
    file.write(struct.pack("<i", end))
    for index in range(end):
        token = bytes(byte_of[character] for character in token_of[index])
        file.write(struct.pack("<i", len(token)) + token)


def byte_alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level token stands for, as in GPT-2's ``encoder.py``.

    Printable ones of Latin-1 stand for themselves, the others for characters from 256 on.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + index): byte for index, byte in enumerate(others)
    }


def _write_weight(file: BinaryIO, name: str, weight: Weight, kind: str) -> None:
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        weight = weight[:, None]
    if name.endswith((".bias", "positional_embedding")) or weight.ndim < 2:
        type_id, data = FLOAT32, weight.astype("<f4").tobytes()
    elif weight.ndim == 3 or kind == "float16":
        type_id, data = FLOAT16, to_float16(weight, name).tobytes()
    else:
        quantization = GGMLQuantizationType[kind.upper()]
        type_id, data = int(quantization), quantized(weight, name, quantization)
    file.write(struct.pack("<3i", weight.ndim, len(name), type_id))
    file.write(struct.pack(f"<{weight.ndim}i", *reversed(weight.shape)) + name.encode() + data)


def quantized(weight: Weight, name: str, quantization: GGMLQuantizationType) -> bytes:
    """Quantize the rows of a matrix in blocks of 32, bit for bit like ``ggml_quantize_chunk``.

    Raises:
        CannotExportError: if a row is no multiple of 32.
    """
    to_float16(weight, name)  # each block has a scale in float16
    try:
        return quantize(weight, quantization).tobytes()
    except QuantError as error:
        raise CannotExportError(f"{name}: {error}") from error
