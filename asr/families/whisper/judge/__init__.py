"""Judge role of Whisper: score how well transcripts fit clips."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.audit.params import AuditParams

if TYPE_CHECKING:
    from asr.families.whisper.judge.judge import WhisperJudge
    from asr.families.whisper.judge.scope import WhisperScope

__all__ = ["judge_scope", "open_judge"]


def judge_scope(model: Path, audit: AuditParams) -> "WhisperScope":
    """Read the languages and clip lengths that the model supports, without its weights."""
    from asr.families.whisper.judge.scope import WhisperScope
    from asr.families.whisper.tokens.description import read_description, read_tokenizer

    return WhisperScope(read_description(model), audit.margin_s, read_tokenizer(model))


def open_judge(
    model: Path, audit: AuditParams, num_threads: int, device: str = "cpu"
) -> "WhisperJudge":
    """Load a transformers folder as a judge; see ``asr.families.protocols.JudgeRole``."""
    from asr.families.whisper.judge.judge import WhisperJudge

    return WhisperJudge(model, audit.precision, num_threads, device)
