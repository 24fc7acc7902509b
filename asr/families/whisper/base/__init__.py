"""Base role of Whisper: check pretrained weights and convert them to a transformers folder."""

from collections.abc import Mapping
from pathlib import Path

from asr.families.whisper.base.params import Block, is_english_only

__all__ = ["Block", "bring_base", "language_fault"]


def bring_base(block: Block, weights: Mapping[str, Path], out: Path) -> None:
    """Write the pretrained Whisper into the empty folder ``out``, in float32.

    Raises:
        InputError: if the folder of ``weights`` holds no Whisper model, or only part of one.
    """
    from asr.families.whisper.base.base import write_base

    write_base(weights["weights"], out, block.languages)


def language_fault(language: str, block: Block | None) -> str | None:
    """Check a language before the weights are here: English-only ones are known by their name."""
    from asr.families.whisper.tokens.languages import ALIASES, CODES

    if block is not None and is_english_only(block):
        return None if language == "en" else "expected en with an English-only Whisper"
    borrowed = {} if block is None else block.languages
    if language in CODES or language in ALIASES or language in borrowed:
        return None
    return (
        f"expected one of Whisper's {' '.join(sorted(CODES))}, or a code under `languages` in the "
        f"model's block of conf/models.yaml, where it borrows another's token, such as "
        f"languages: {{{language}: en}}"
    )
