"""The prompt around a clip, in the chat form of SmolLM2 and Qwen, and the tokens of transcripts.

A clip's embeddings stand in the user's message, its transcript is the assistant's answer::

    <|im_start|>user
    …clip…
    Transcribe this Belarusian speech.<|im_end|>
    <|im_start|>assistant
    Жаба.<|im_end|>

The same words are used in training and in decoding: another prompt is another model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from asr.core.errors import InputError
from asr.families.speech_llm.tokens.description import (
    MAX_ENCODER_POSITIONS,
    Joint,
    read_joint,
    read_max_positions,
    read_tokenizer,
)
from asr.utterances.language import language_name

START, END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
BEFORE = f"{START}user\n"
AFTER = f"\nTranscribe this {{language}} speech.{END}\n{START}assistant\n"


def end_tokens(tokenizer: Tokenizer) -> list[int]:
    """The token that ends a transcript in training, then any other that ends one in decoding.

    Raises:
        InputError: if the tokenizer lacks the tokens of the chat form.
    """
    start, end, last = (tokenizer.token_to_id(token) for token in (START, END, END_OF_TEXT))
    if start is None or end is None:
        raise InputError(
            f"tokenizer: expected the chat tokens {START} and {END}, got "
            f"{tokenizer.get_vocab_size()} "
            "others; take an instruction-tuned model, such as SmolLM2-Instruct or Qwen3"
        )
    return [end] if last is None else [end, last]


def prompt_tokens(tokenizer: Tokenizer, language: str) -> tuple[list[int], list[int]]:
    """Tokens before and after a clip; ``language`` is an ISO 639 code."""
    after = AFTER.format(language=language_name(language))
    return _tokens(tokenizer, BEFORE), _tokens(tokenizer, after)


def text_tokens(tokenizer: Tokenizer, text: str) -> list[int]:
    """Tokens of a transcript, without the end token."""
    return _tokens(tokenizer, text.strip())


def _tokens(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def tokens_without_text(tokenizer: Tokenizer, vocab_size: int) -> list[int]:
    """Ids that no transcript holds: special tokens but the ends, and rows without a token."""
    ends = end_tokens(tokenizer)
    special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    known = set(tokenizer.get_vocab().values())
    return [i for i in range(vocab_size) if i not in ends and (i in special or i not in known)]


def text_of(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    """The transcript of tokens without an end token."""
    return str(tokenizer.decode(list(tokens), skip_special_tokens=False)).strip()


@dataclass(frozen=True)
class SpeechLlmTokens:
    """Counts tokens without torch; implements ``asr.families.protocols.TextTokens``."""

    tokenizer: Tokenizer
    joint: Joint
    max_positions: int

    def num_labels(self, text: str, language: str) -> int:
        """Number of tokens of a transcript, without prompt and end token."""
        return len(text_tokens(self.tokenizer, text))

    def max_labels(self, duration_s: float) -> int:
        """Positions of the language model that prompt, a clip of 30 s and end token leave free."""
        audio = MAX_ENCODER_POSITIONS // self.joint.stack
        # Names of languages differ by a few tokens: «Constructed Language» is a long one.
        before, after = prompt_tokens(self.tokenizer, "art")
        return self.max_positions - len(before) - audio - len(after) - 1


def open_tokens(model: Path) -> SpeechLlmTokens:
    """Read tokenizer and sizes of a model folder."""
    return SpeechLlmTokens(read_tokenizer(model), read_joint(model), read_max_positions(model))
