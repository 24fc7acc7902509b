"""What a Whisper can judge; ``asr.families.protocols.JudgeScope``."""

from dataclasses import dataclass

from asr.families.whisper.tokens import knows_language
from asr.families.whisper.tokens.description import Description
from asr.families.whisper.window import MAX_DURATION_S, context_s


@dataclass(frozen=True)
class WhisperScope:
    """The languages that a model has tokens for, and clips up to its window.

    Attributes:
        about: the model.
        margin_s: seconds of context beyond a clip.
    """

    about: Description
    margin_s: float

    def takes(self, language: str, duration_s: float) -> bool:
        """Whether it has a token for the language, and the clip fits its window."""
        return knows_language(self.about, language) and duration_s <= MAX_DURATION_S

    def seconds(self, duration_s: float) -> float:
        """The clip and the margin, in steps."""
        return context_s(duration_s, self.margin_s)
