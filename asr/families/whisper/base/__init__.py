"""Base role of Whisper: check pretrained weights and convert them to a transformers folder."""

from collections.abc import Mapping
from pathlib import Path

from asr.families.whisper.base.params import Block

__all__ = ["Block", "bring_base"]


def bring_base(block: Block, weights: Mapping[str, Path], out: Path) -> None:
    """Write the pretrained Whisper into the empty folder ``out``, in float32.

    Raises:
        InputError: if the folder of ``weights`` holds no Whisper model, or only part of one.
    """
    from asr.families.whisper.base.base import write_base

    write_base(weights["weights"], out)
