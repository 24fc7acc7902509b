"""Token sequences of Qwen3-ASR: prompt with audio, transcript, end token.

The prompt is that of QwenLM's package, with the language given::

    <|im_start|>system\\n<|im_end|>\\n
    <|im_start|>user\\n<|audio_start|><|audio_pad|>…<|audio_end|><|im_end|>\\n
    <|im_start|>assistant\\nlanguage Hebrew<asr_text>

transformers' ``apply_transcription_request`` refuses languages that are not among the model's 30,
and its ``output_labels`` trains on the prompt too, so the sequences are built here.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError
from tokenizers import Tokenizer

from asr.core.errors import InputError, faults
from asr.core.files import read_json
from asr.families.qwen3_asr.tokens.audio import num_audio_tokens, num_frames
from asr.families.qwen3_asr.tokens.languages import is_listed
from asr.utterances.language import language_name
from asr.utterances.waveform import SAMPLE_RATE

START_OF_TURN, END_OF_TURN, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
START_OF_AUDIO, AUDIO, END_OF_AUDIO = "<|audio_start|>", "<|audio_pad|>", "<|audio_end|>"
TRANSCRIPT = "<asr_text>"
# A model without one of them is another model, or its tokenizer is incomplete.
NEEDED = (
    START_OF_TURN, END_OF_TURN, END_OF_TEXT, START_OF_AUDIO, AUDIO, END_OF_AUDIO, TRANSCRIPT,
)  # fmt: skip
BEFORE_AUDIO = f"{START_OF_TURN}system\n{END_OF_TURN}\n{START_OF_TURN}user\n{START_OF_AUDIO}"
AFTER_AUDIO = f"{END_OF_AUDIO}{END_OF_TURN}\n{START_OF_TURN}assistant\n"
# Tokens of the longest name of a language, «language …<asr_text>», and some to spare.
MOST_NAME_TOKENS = 32

_named: set[str] = set()  # languages that this process has printed


class _TextConfig(BaseModel):
    max_position_embeddings: int


class _Config(BaseModel):
    """Fields of ``config.json``."""

    text_config: _TextConfig


@dataclass(frozen=True)
class Qwen3AsrTokens:
    """The tokenizer; implements ``asr.families.protocols.TextTokens``.

    Attributes:
        tokenizer: byte-level BPE with the tokens in ``NEEDED``.
        max_positions: positions of the language model.
    """

    tokenizer: Tokenizer
    max_positions: int

    def id(self, token: str) -> int:
        """Id of one of ``NEEDED``."""
        token_id: int | None = self.tokenizer.token_to_id(token)
        if token_id is None:
            raise InputError(f"tokenizer: expected the token {token}, got none")
        return token_id

    @property
    def ends(self) -> tuple[int, int]:
        """End tokens; decoding stops at both, training teaches the first."""
        return self.id(END_OF_TURN), self.id(END_OF_TEXT)

    def prompt(self, language: str, num_audio: int) -> list[int]:
        """Tokens before the transcript, with ``num_audio`` places for the audio."""
        name = language_name(language)
        after = f"{AFTER_AUDIO}language {name}{TRANSCRIPT}"
        return [*self._encode(BEFORE_AUDIO), *[self.id(AUDIO)] * num_audio, *self._encode(after)]

    def transcript(self, text: str) -> list[int]:
        """Tokens of a transcript, without prompt and end token."""
        return self._encode(text.strip())

    def text(self, tokens: list[int]) -> str:
        """The transcript that tokens spell; control tokens are left out."""
        # The tokenizer takes this one for text: it is not special.
        spelled = [token for token in tokens if token != self.id(TRANSCRIPT)]
        text: str = self.tokenizer.decode(spelled, skip_special_tokens=True)
        return text.strip()

    def num_labels(self, text: str, language: str) -> int:
        """See ``TextTokens``."""
        return len(self.transcript(text))

    def max_labels(self, duration_s: float) -> int:
        """Positions that the audio and the rest of the prompt leave free, less one to end."""
        num_audio = num_audio_tokens(num_frames(round(duration_s * SAMPLE_RATE)))
        frame = len(self._encode(BEFORE_AUDIO)) + len(self._encode(AFTER_AUDIO))
        return self.max_positions - frame - MOST_NAME_TOKENS - num_audio - 1

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def open_tokens(model: Path) -> Qwen3AsrTokens:
    """Read the tokenizer of a transformers folder.

    Raises:
        InputError: if the folder holds no Qwen3-ASR.
    """
    try:
        config = _Config.model_validate(read_json(model / "config.json"))
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    except ValidationError as error:
        raise InputError(f"{model}: expected a Qwen3-ASR, got {faults(error)[0]}") from error
    except Exception as error:  # tokenizers raises no narrower class
        raise InputError(f"{model}: expected a Qwen3-ASR, got {error}") from error
    return Qwen3AsrTokens(tokenizer, config.text_config.max_position_embeddings)


def name_unlisted(languages: Iterable[str]) -> None:
    """Print languages that the model was not trained on, in one line; each only once."""
    new = {code for code in languages if not is_listed(code)} - _named
    _named.update(new)
    if new:
        names = ", ".join(f"{language_name(code)} ({code})" for code in sorted(new))
        print(
            f"qwen3_asr: not among the 30 languages of the pretrained model: {names}; "
            "it must learn them from your data",
            file=sys.stderr,
        )
