"""Base role: join a pretrained encoder and a pretrained language model by a new projector."""

from collections.abc import Mapping
from pathlib import Path

from asr.families.speech_llm.base.params import Block
from asr.utterances.language import language_name

__all__ = ["Block", "bring_base", "language_fault"]


def bring_base(block: Block, weights: Mapping[str, Path], out: Path) -> None:
    """Write both pretrained models and a projector into the empty folder ``out``, in float32.

    Raises:
        InputError: if a folder of ``weights`` holds another model, or only part of one.
    """
    from asr.families.speech_llm.base.base import write_base

    write_base(block, weights, out)


def language_fault(language: str, block: Block | None) -> str | None:
    """Check that the language has a name, for the prompt; a byte-level vocabulary spells any."""
    if language_name(language) is not None:
        return None
    return "expected an ISO 639 code of a language"
