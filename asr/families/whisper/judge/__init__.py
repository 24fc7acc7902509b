"""How well transcripts fit clips, by a Whisper that did not train on them."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.audit.params import AuditParams

if TYPE_CHECKING:
    from asr.families.whisper.judge.judge import WhisperJudge
    from asr.families.whisper.judge.scope import WhisperScope

__all__ = ["judge_scope", "open_judge"]


def judge_scope(model: Path, audit: AuditParams) -> "WhisperScope":
    """The languages that the model has tokens for, and clips up to its window."""
    from asr.families.whisper.judge.scope import WhisperScope
    from asr.families.whisper.tokens.description import read_description

    return WhisperScope(read_description(model), audit.margin_s)


def open_judge(model: Path, audit: AuditParams, num_threads: int) -> "WhisperJudge":
    """Load a plain transformers folder as a judge, on ``num_threads`` cores."""
    from asr.families.whisper.judge.judge import WhisperJudge

    return WhisperJudge(model, audit.precision, num_threads)
