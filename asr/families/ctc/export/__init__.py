"""Export role: with an encoder of transformers' CTC classes, the folder that they load."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from asr.export.adapter import write_adapter
from asr.export.formats import CannotExportError, ExportFormat, Source, copy_folder
from asr.export.pipeline import pipeline
from asr.families.ctc.tokens.description import WHISPER, read_description

if TYPE_CHECKING:
    from asr.families.ctc.decoding.params import CtcDecodeParams


def formats() -> Mapping[str, ExportFormat]:
    """See ``asr.families.protocols.ExportRole``."""
    return {
        "transformers": ExportFormat("transformers", _write, pipeline),
        "adapter": ExportFormat("peft", write_adapter, None),
    }


def as_others_decode(own: "CtcDecodeParams") -> "CtcDecodeParams":
    """See ``asr.families.protocols.ExportRole``: the likeliest label of each frame, as here."""
    return own


def _write(source: Source, out: Path) -> None:
    if read_description(source.model).kind == WHISPER:
        raise CannotExportError("no class of transformers has a CTC head on Whisper's encoder")
    copy_folder(source, out)
