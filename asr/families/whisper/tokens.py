"""Whisper's token sequences: prompt, text, end.

The prompt is ``<|startoftranscript|><|be|><|transcribe|><|notimestamps|>``, for an English-only
model its first and last token. What the decoder reads starts with exactly one start token; the
common recipes that put it into the labels as well train on two.
"""

from typing import Any

from tokenizers import Tokenizer

from asr.errors import InputError


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
        if language != "en":
            raise InputError(f"language {language!r}: this Whisper model knows English alone")
        return [start, no_timestamps]
    languages = generation.lang_to_id
    if f"<|{language}|>" not in languages:
        known = " ".join(sorted(token.strip("<|>") for token in languages))
        raise InputError(f"language {language!r}: Whisper has no token for it, it has {known}")
    return [start, languages[f"<|{language}|>"], generation.task_to_id["transcribe"], no_timestamps]


def text_tokens(tokenizer: Tokenizer, text: str) -> list[int]:
    """Tokens of a transcript, with the leading space that Whisper's own output has."""
    return tokenizer.encode(" " + text.strip(), add_special_tokens=False).ids
