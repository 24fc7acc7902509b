"""The folder for CTranslate2 and faster-whisper."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from asr.ctranslate2_files.format import Model, Variable, read_model, write_model
from asr.export.formats import CannotExportError, Source
from asr.families.whisper.runtime.to_ctranslate2 import convert
from asr.families.whisper.tokens.description import read_description, read_tokenizer

# Beside the model, faster-whisper reads these.
ALSO = ("tokenizer.json", "preprocessor_config.json")


def write_ctranslate2(precision: str, source: Source, out: Path) -> None:
    """Write what CTranslate2's own converter writes with ``--quantization``.

    Args:
        precision: ``float16`` or ``int8``.
        source: what to export.
        out: an empty folder.

    Raises:
        CannotExportError: if a weight does not fit float16.
    """
    config, tokenizer = read_description(source.model), read_tokenizer(source.model)
    with TemporaryDirectory(dir=out.parent) as scratch:
        folder = Path(scratch, "model")
        at_first = "int8" if precision == "int8" else "float32"
        convert(source.model, config, tokenizer, range(config.vocab_size), at_first, folder)
        for file in folder.iterdir():
            if file.name == "model.bin" and precision == "float16":
                model = read_model(file)
                halves = _in_float16(model)
                write_model(out / file.name, model.spec, model.revision, halves, model.aliases)
            else:
                shutil.move(file, out / file.name)
    for name in ALSO:
        shutil.copyfile(source.model / name, out / name)


def _in_float16(model: Model) -> Iterator[tuple[str, Variable]]:
    for name, variable in model.variables.items():
        if variable.dtype != "float32":
            yield name, variable
            continue
        yield name, Variable("float16", to_float16(variable.data, name))


def to_float16(weight: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float16]:
    """Round to float16.

    Raises:
        CannotExportError: if a number is beyond its range; names the weight.
    """
    largest = float(np.abs(weight).max(initial=0.0))
    if largest > float(np.finfo(np.float16).max):
        raise CannotExportError(f"{name}: {largest:g} is beyond the range of float16")
    return weight.astype(np.float16)
