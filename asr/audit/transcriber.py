"""Transcribe pieces of a recording roughly, with the model that audits transcripts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.audit.params import AuditParams
from asr.families.protocols import Judge, JudgeScope, family_module
from asr.utterances.waveform import SAMPLE_RATE, Waveform

_TOKENS_A_SECOND = 25  # more than anybody speaks; it ends loops
_MIN_TOKENS = 16


@dataclass(frozen=True)
class JudgeTranscriber:
    """A judge as a transcriber: its greedy hypotheses."""

    judge: Judge
    scope: JudgeScope

    def takes(self, language: str, duration_s: float) -> bool:
        """Whether the judge knows the language, and hears pieces of this length."""
        return self.scope.takes(language, duration_s)

    def transcribe(self, pieces: Sequence[Waveform], language: str) -> list[str]:
        """One hypothesis a piece; one piece at a time, so that memory does not grow with them."""
        return [self._transcribe(piece, language) for piece in pieces]

    def _transcribe(self, piece: Waveform, language: str) -> str:
        duration_s = len(piece) / SAMPLE_RATE
        budget = max(_MIN_TOKENS, math.ceil(duration_s * _TOKENS_A_SECOND))
        # A judge scores at least one text; a short one costs next to nothing.
        (result,) = self.judge.score_clips(
            [piece], language, self.scope.seconds(duration_s), [["."]], [budget]
        )
        return result.hypothesis


def judge_transcriber(folder: Path, params: AuditParams, num_threads: int) -> JudgeTranscriber:
    """Load the judge of ``audit.judge``.

    Raises:
        InputError: if its family judges no transcripts, or the folder holds no model of it.
    """
    role = family_module(params.judge.family, "judge")
    return JudgeTranscriber(
        role.open_judge(folder, params, num_threads), role.judge_scope(folder, params)
    )
