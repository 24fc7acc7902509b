"""Languages and clip lengths of a Whisper; see ``asr.families.protocols.JudgeScope``."""

from dataclasses import dataclass

from tokenizers import Tokenizer

from asr.families.whisper.tokens import has_language, text_tokens
from asr.families.whisper.tokens.description import Description
from asr.families.whisper.window import MAX_DURATION_S, context_s


@dataclass(frozen=True)
class WhisperScope:
    """Languages with a token, and clips up to the window.

    Attributes:
        config: the configs of the model.
        margin_s: seconds of context after a clip, ``audit.margin_s``.
        tokenizer: of the model.
    """

    config: Description
    margin_s: float
    tokenizer: Tokenizer

    def takes(self, language: str, duration_s: float) -> bool:
        """Whether the model has a token for the language and the clip fits the window."""
        return has_language(self.config, language) and duration_s <= MAX_DURATION_S

    def seconds(self, duration_s: float) -> float:
        """Clip plus margin in seconds, rounded up to ``STEP_S``."""
        return context_s(duration_s, self.margin_s)

    def num_labels(self, text: str, language: str) -> int:
        """Number of tokens of a transcript, without prompt and end token."""
        return len(text_tokens(self.tokenizer, text))
