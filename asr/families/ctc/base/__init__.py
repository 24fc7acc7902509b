"""Base role: a pretrained encoder with a head for the letters that it knows, if any."""

from collections.abc import Mapping
from pathlib import Path

from asr.families.ctc.base.params import Block

__all__ = ["Block", "bring_base", "language_fault"]


def bring_base(block: Block, weights: Mapping[str, Path], out: Path) -> None:
    """Write the pretrained model into the empty folder ``out``, in float32.

    Raises:
        InputError: if the folder of the weights holds another model, or only part of one.
    """
    from asr.families.ctc.base.base import write_base

    write_base(block, weights["weights"], out)


def language_fault(language: str, block: Block | None) -> str | None:
    """None: any language can be learned, since its letters come from the transcripts of train."""
    return None
