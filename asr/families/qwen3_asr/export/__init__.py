"""Export role of Qwen3-ASR: the folder that transformers and vLLM load."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from asr.export.adapter import write_adapter
from asr.export.formats import ExportFormat, Reader, copy_folder

if TYPE_CHECKING:
    from asr.families.qwen3_asr.decoding.params import Qwen3AsrDecodeParams


def formats() -> Mapping[str, ExportFormat]:
    """See ``asr.families.protocols.ExportRole``."""
    return {
        "transformers": ExportFormat("transformers", copy_folder, _open),
        "adapter": ExportFormat("peft", write_adapter, None),
    }


def as_others_decode(own: "Qwen3AsrDecodeParams") -> "Qwen3AsrDecodeParams":
    """See ``asr.families.protocols.ExportRole``: other tools don't end loops."""
    return own.model_copy(update={"max_repeats": 0})


def _open(model: Path, folder: Path, num_threads: int) -> Reader:
    from asr.families.qwen3_asr.export.reader import open_in_transformers

    return open_in_transformers(folder, num_threads)
