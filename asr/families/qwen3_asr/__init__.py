"""Qwen3-ASR: an audio tower, a projector and the language model Qwen3 (QwenLM, 2026)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # mypy checks every role against its protocol
    from asr.families import protocols
    from asr.families.qwen3_asr import alignment, base, decoding, export, tokens, training, window

    _window: protocols.WindowRole = window
    _tokens: protocols.TokensRole = tokens
    _base: protocols.BaseRole = base
    _training: protocols.TrainingRole = training
    _decoding: protocols.DecodingRole = decoding
    _alignment: protocols.AlignmentRole = alignment
    _export: protocols.ExportRole = export
