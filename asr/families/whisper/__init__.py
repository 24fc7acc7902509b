"""Whisper: an encoder of log-mel frames and a decoder of text tokens (Radford et al., 2022)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # mypy checks every role against its protocol
    from asr.families import protocols
    from asr.families.whisper import (
        alignment,
        base,
        decoding,
        export,
        judge,
        tokens,
        training,
        window,
    )

    _window: protocols.WindowRole = window
    _tokens: protocols.TokensRole = tokens
    _base: protocols.BaseRole = base
    _training: protocols.TrainingRole = training
    _decoding: protocols.DecodingRole = decoding
    _alignment: protocols.AlignmentRole = alignment
    _export: protocols.ExportRole = export
    _judge: protocols.JudgeRole = judge
