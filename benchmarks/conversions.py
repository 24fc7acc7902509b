"""Convert our transformers folders as users of other tools would."""

from pathlib import Path

from ctranslate2.converters import TransformersConverter

from asr.export.formats import Source
from asr.families.whisper.export.ggml_file import FILE, write_ggml
from asr.families.whisper.export.openai_file import write_openai


def to_ctranslate2(model: Path, folder: Path, quantization: str | None = None) -> Path:
    """Convert with CTranslate2's own converter, as a user of faster-whisper would."""
    TransformersConverter(
        str(model), copy_files=["tokenizer.json", "preprocessor_config.json"]
    ).convert(str(folder), quantization=quantization)
    return folder


def to_openai(model: Path, folder: Path) -> Path:
    """Write a checkpoint that ``whisper.load_model`` reads."""
    folder.mkdir()
    write_openai(Source(model, model, ()), folder)
    return folder / "model.pt"


def to_ggml(model: Path, folder: Path, kind: str) -> Path:
    """Write a file for whisper.cpp, with matrices in ``float16`` or ``q8_0``."""
    folder.mkdir()
    write_ggml(kind, Source(model, model, ()), folder)
    return folder / FILE
