"""Base role of Whisper: check pretrained weights and convert them to a transformers folder."""

from collections.abc import Mapping
from pathlib import Path

from asr.families.whisper.base.closest import closest_tokens
from asr.families.whisper.base.params import Block, is_english_only, languages_with_token
from asr.families.whisper.tokens.languages import ALIASES, CODES

__all__ = ["Block", "bring_base", "language_fault"]


def bring_base(block: Block, weights: Mapping[str, Path], out: Path) -> None:
    """Write the pretrained Whisper into the empty folder ``out``, in float32.

    Raises:
        InputError: if the folder of ``weights`` holds no Whisper model, or only part of one.
    """
    from asr.families.whisper.base.base import write_base

    write_base(weights["weights"], out, block.language_token)


def language_fault(language: str, block: Block | None) -> str | None:
    """Check a language before the weights are here: English-only ones are known by their name."""
    if block is not None and is_english_only(block):
        return None if language == "en" else "expected en with an English-only Whisper"
    tokens = CODES if block is None else languages_with_token(block)
    shared = {} if block is None else block.language_token
    if language in shared or language in tokens or ALIASES.get(language) in tokens:
        return None
    return (
        f"expected one of Whisper's {' '.join(sorted(tokens))}, or a language whose token stands "
        f"for it, as language_token: {{{language}: …}} in the model's block of conf/models.yaml "
        f"({closest_tokens(language, tokens)})"
    )
