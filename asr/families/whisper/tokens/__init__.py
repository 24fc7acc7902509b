"""Whisper's token sequences: prompt, text, end; and how many tokens a transcript has.

The prompt is ``<|startoftranscript|><|be|><|transcribe|><|notimestamps|>``, for an English-only
model its first and last token. What the decoder reads starts with exactly one start token; the
common recipes that put it into the labels as well train on two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from asr.core.errors import InputError
from asr.families.whisper.tokens.description import read_description, read_tokenizer
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance

SECONDS_PER_TIMESTAMP = 0.02


def prompt_tokens(generation: Any, language: str) -> list[int]:
    """What the decoder is given before the text.

    Args:
        generation: a ``Description``, or transformers' generation config of the same words.
        language: ISO 639 code.

    Raises:
        InputError: if the model has no token for the language, with those it has.
    """
    start, no_timestamps = generation.decoder_start_token_id, generation.no_timestamps_token_id
    if not generation.is_multilingual:
        if not knows_language(generation, language):
            raise InputError(f"language {language!r}: this Whisper model knows English alone")
        return [start, no_timestamps]
    languages = generation.lang_to_id
    if not knows_language(generation, language):
        known = " ".join(sorted(token.strip("<|>") for token in languages))
        raise InputError(f"language {language!r}: Whisper has no token for it, it has {known}")
    return [start, languages[f"<|{language}|>"], generation.task_to_id["transcribe"], no_timestamps]


def knows_language(generation: Any, language: str) -> bool:
    """Whether the model has a token for a language; an English-only one needs none for English."""
    if not generation.is_multilingual:
        return language == "en"
    return f"<|{language}|>" in generation.lang_to_id


def max_text_tokens(max_tokens: int, generation: Any) -> int:
    """Tokens that a transcript may have.

    Args:
        max_tokens: positions of the decoder.
        generation: as for ``prompt_tokens``.
    """
    return max_tokens - (4 if generation.is_multilingual else 2)  # every prompt has this length


def text_tokens(tokenizer: Tokenizer, text: str) -> list[int]:
    """Tokens of a transcript, with the leading space that Whisper's own output has."""
    return tokenizer.encode(" " + text.strip(), add_special_tokens=False).ids


def hypothesis_of(
    tokenizer: Tokenizer,
    end: int,
    utterance: Utterance,
    tokens: Sequence[int],
    log_prob: float,
) -> Hypothesis:
    """From all tokens of a clip, which end in the token ``end`` unless they ran away."""
    ended = tokens[-1] == end
    text = tokenizer.decode(tokens[:-1] if ended else tokens, skip_special_tokens=False)
    return Hypothesis(
        id=utterance.id,
        text=text.strip(),
        num_tokens=len(tokens),
        # Rounded, so that the last bits of a sum don't show in a file that is hashed.
        mean_log_prob=min(0.0, round(log_prob / len(tokens), 6)),
        runaway=not ended,
    )


def timestamp_tokens(count: int) -> list[str]:
    """The first ones: ``<|0.00|>``, ``<|0.02|>`` and so on."""
    return [f"<|{index * SECONDS_PER_TIMESTAMP:.2f}|>" for index in range(count)]


@dataclass(frozen=True)
class WhisperTokens:
    """The tokens of transcripts, counted without torch; ``asr.families.protocols.TextTokens``."""

    tokenizer: Tokenizer
    max_tokens: int

    def num_labels(self, text: str, language: str) -> int:
        """Tokens of a transcript, without prompt and end."""
        return len(text_tokens(self.tokenizer, text))

    def max_labels(self, duration_s: float) -> int:
        """What the decoder's positions leave beside the prompt, however long the clip."""
        return self.max_tokens


def open_tokens(model: Path) -> WhisperTokens:
    """Read the tokenizer of a plain transformers folder."""
    about = read_description(model)
    most = max_text_tokens(about.max_target_positions, about)
    return WhisperTokens(read_tokenizer(model), most)
