"""Whisper's token sequences (prompt, text, end token), and token counts of transcripts.

The prompt is ``<|startoftranscript|><|be|><|transcribe|><|notimestamps|>``; an English-only model
has only the first and last of these. The decoder reads exactly one start token; common recipes also
put it into the labels, and so train on two.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from asr.core.errors import InputError
from asr.families.whisper.tokens.description import read_description, read_tokenizer
from asr.families.whisper.tokens.languages import language_token
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance

SECONDS_PER_TIMESTAMP = 0.02
TIMESTAMP = re.compile(r"<\|\d+\.\d\d\|>")


def prompt_tokens(generation: Any, language: str) -> list[int]:
    """Tokens that the decoder reads before the text.

    Args:
        generation: a ``Description``, or a transformers generation config with the same fields.
        language: ISO 639 code.

    Raises:
        InputError: if the model has no token for the language; lists the languages it has.
    """
    start, no_timestamps = generation.decoder_start_token_id, generation.no_timestamps_token_id
    if not generation.is_multilingual:
        if not has_language(generation, language):
            raise InputError(
                f"language: expected 'en' with an English-only Whisper, got {language!r}"
            )
        return [start, no_timestamps]
    languages = generation.lang_to_id
    token = language_token(language, languages)
    if token is None:
        known = " ".join(sorted(token.strip("<|>") for token in languages))
        raise InputError(f"language: expected one of Whisper's {known}, got {language!r}")
    return [start, languages[token], generation.task_to_id["transcribe"], no_timestamps]


def has_language(generation: Any, language: str) -> bool:
    """Whether the model supports a language: by its token, or English in an English-only model."""
    if not generation.is_multilingual:
        return language == "en"
    return language_token(language, generation.lang_to_id) is not None


def tokens_without_text(tokenizer: Tokenizer, no_timestamps: int, vocab_size: int) -> list[int]:
    """Ids that no transcript holds: ``<|notimestamps|>``, timestamps, and rows without a token.

    Tokens that somebody added come after the timestamps, so «all after» would forbid them. A
    vocabulary that was padded to a round size has rows without a token at its end.
    """
    token_of = {i: token for token, i in tokenizer.get_vocab().items()}
    return [
        i
        for i in range(vocab_size)
        if i == no_timestamps or i not in token_of or TIMESTAMP.fullmatch(token_of[i])
    ]


def max_text_tokens(max_tokens: int, generation: Any) -> int:
    """Most text tokens of a transcript: decoder positions minus the prompt.

    Args:
        max_tokens: number of decoder positions.
        generation: see ``prompt_tokens``.
    """
    return max_tokens - (4 if generation.is_multilingual else 2)  # length of the prompt


def text_tokens(tokenizer: Tokenizer, text: str) -> list[int]:
    """Tokens of a transcript after a leading space, as in Whisper's own output."""
    return tokenizer.encode(" " + text.strip(), add_special_tokens=False).ids


def token_counter(tokenizer: Tokenizer) -> Callable[[str], int]:
    """Count the tokens of transcripts as ``text_tokens`` has them, in 2 µs instead of 20.

    No token of Whisper's spans the space before a word, so a word that came before is not encoded
    again. A text that may hold control tokens, or other white space, is encoded as a whole.
    """

    @lru_cache(maxsize=200_000)  # words, 40 MB
    def in_word(word: str) -> int:
        return len(text_tokens(tokenizer, word))

    def count(text: str) -> int:
        words = text.strip().split(" ")
        if "<|" in text or " ".join(text.split()) != " ".join(words):
            return len(text_tokens(tokenizer, text))
        return sum(map(in_word, words))

    return count


def hypothesis_of(
    tokenizer: Tokenizer,
    end: int,
    utterance: Utterance,
    tokens: Sequence[int],
    log_prob: float,
) -> Hypothesis:
    """Build the hypothesis of a clip from its tokens; it ran away if ``end`` is not the last.

    Raises:
        InputError: if ``log_prob`` is not finite, which only faulty weights cause.
    """
    if not math.isfinite(log_prob):
        raise InputError(
            f"{utterance.id}: expected a finite log-probability of the hypothesis, got {log_prob}: "
            "the model's weights or activations are not finite"
        )
    ended = tokens[-1] == end
    text = tokenizer.decode(tokens[:-1] if ended else tokens, skip_special_tokens=False)
    return Hypothesis(
        id=utterance.id,
        text=text.strip(),
        num_tokens=len(tokens),
        # Rounded, so that the order of summation does not change the hash of the file.
        mean_log_prob=min(0.0, round(log_prob / len(tokens), 6)),
        runaway=not ended,
    )


def timestamp_tokens(count: int) -> list[str]:
    """Return the first ``count`` timestamp tokens: ``<|0.00|>``, ``<|0.02|>`` …"""
    return [timestamp_token(index * SECONDS_PER_TIMESTAMP) for index in range(count)]


def timestamp_token(seconds: float) -> str:
    """The timestamp nearest to ``seconds``: ``<|1.40|>`` for 1.405."""
    return f"<|{round(seconds / SECONDS_PER_TIMESTAMP) * SECONDS_PER_TIMESTAMP:.2f}|>"


@dataclass(frozen=True)
class WhisperTokens:
    """Counts tokens without torch; implements ``asr.families.protocols.TextTokens``."""

    tokenizer: Tokenizer
    max_tokens: int

    @cached_property
    def _count_tokens(self) -> Callable[[str], int]:
        return token_counter(self.tokenizer)

    def num_labels(self, text: str, language: str) -> int:
        """Number of tokens of a transcript, without prompt and end token."""
        return self._count_tokens(text)

    def max_labels(self, duration_s: float) -> int:
        """Decoder positions that the prompt leaves free, whatever the length of the clip."""
        return self.max_tokens


def open_tokens(model: Path) -> WhisperTokens:
    """Read the tokenizer of a transformers folder."""
    config = read_description(model)
    most = max_text_tokens(config.max_target_positions, config)
    return WhisperTokens(read_tokenizer(model), most)
