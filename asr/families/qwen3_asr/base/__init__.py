"""Base role of Qwen3-ASR: check pretrained weights and write them as a transformers folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asr.core.schema import Schema
from asr.sources.weights import Weights
from asr.utterances.language import language_name

__all__ = ["Block", "bring_base", "language_fault"]


class Block(Schema):
    """A block under ``qwen3_asr`` in ``conf/models.yaml``.

    Attributes:
        weights: source of the pretrained model, in transformers' form or in QwenLM's own.
    """

    weights: Weights


def bring_base(block: Block, weights: Mapping[str, Path], out: Path) -> None:
    """Write the pretrained Qwen3-ASR into the empty folder ``out``, in float32.

    Raises:
        InputError: if the folder of ``weights`` holds no Qwen3-ASR, or only part of one.
    """
    from asr.families.qwen3_asr.base.base import write_base

    write_base(weights["weights"], out)


def language_fault(language: str, block: Any | None) -> str | None:
    """Check that the language has a name, for the prompt; any language may be learned."""
    if language_name(language) is not None:
        return None
    return "expected an ISO 639 code of a language"
