"""Export role of Whisper: the formats of the tools that run it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from asr.export.formats import ExportFormat, Source

if TYPE_CHECKING:
    from asr.families.whisper.decoding.params import WhisperDecodeParams


def formats() -> Mapping[str, ExportFormat]:
    """See ``asr.families.protocols.ExportRole``."""
    from asr.export.adapter import write_adapter
    from asr.families.whisper.export import faults, readers
    from asr.families.whisper.export.ctranslate2_folder import write_ctranslate2
    from asr.families.whisper.export.ggml_file import FILE_TYPES, write_ggml
    from asr.families.whisper.export.openai_file import write_openai
    from asr.families.whisper.export.transformers_folder import write_transformers

    ctranslate2 = {
        f"ctranslate2_{precision}": ExportFormat(
            "faster-whisper",
            partial(write_ctranslate2, precision),
            partial(readers.faster_whisper, precision),
            quantized=precision == "int8",
            faults=faults.of_ctranslate2,
        )
        for precision in ("float16", "int8")
    }
    ggml = {
        f"ggml_{kind}": ExportFormat(
            "pywhispercpp",
            partial(write_ggml, kind),
            readers.whisper_cpp,
            quantized=kind != "float16",
        )
        for kind in FILE_TYPES
    }
    return {
        "transformers": ExportFormat(
            "transformers", write_transformers, readers.pipeline, faults=faults.of_transformers
        ),
        **ctranslate2,
        **ggml,
        "onnx": ExportFormat("onnxruntime", _write_onnx, readers.onnxruntime),
        "adapter": ExportFormat("peft", write_adapter, None),
        # A pickle can run any code: it is written on request, and never read.
        "openai": ExportFormat("openai-whisper", write_openai, None),
    }


def as_others_decode(own: "WhisperDecodeParams") -> "WhisperDecodeParams":
    """See ``asr.families.protocols.ExportRole``: other tools compute 30 s of any clip."""
    return own.model_copy(update={"context": "full", "scripts": []})


def _write_onnx(source: Source, out: Path) -> None:
    from asr.families.whisper.export.onnx_files import write_onnx  # imports torch

    write_onnx(source, out)
