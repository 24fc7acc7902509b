"""Build tokenizer and generation config from the vocabulary of a Whisper."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken
from transformers import GenerationConfig, WhisperTokenizer

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.families.whisper.tokens import TIMESTAMP, timestamp_tokens

# Id of the end token in English-only vocabularies, which are GPT-2's; it is 50257 in all others.
# openai/whisper and CTranslate2 go by the number of tokens, which added tokens change. English-only
# vocabularies have the language tokens too.
ENGLISH_END = 50256

END = "<|endoftext|>"
START = "<|startoftranscript|>"
NO_TIMESTAMPS = "<|notimestamps|>"
SPECIAL = re.compile(r"<\|[^|]+\|>")
LANGUAGE = re.compile(r"<\|[a-z]{2,3}\|>")

NEVER_WRITTEN = (START, "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>",
                 "<|nospeech|>", "<|nocaptions|>")  # fmt: skip

# A first timestamp of at most 1 s, in steps of 0.02 s: openai/whisper's ``max_initial_timestamp``.
MAX_INITIAL_TIMESTAMP_INDEX = 50


def read_tokenizer(path: Path, vocab_size: int) -> WhisperTokenizer:
    """Restore a tokenizer from a bare ``tokenizer.json``.

    transformers needs the special tokens as a list too: without it, it counts timestamps from the
    wrong token and has no pad token. Older files end at ``<|notimestamps|>``; timestamps are then
    added up to ``vocab_size``, as CTranslate2's converter does.

    Raises:
        InputError: if a special token is missing or the vocabulary is larger than ``vocab_size``.
    """
    added = sorted(read_json(path)["added_tokens"], key=lambda token: int(token["id"]))
    special = [
        token["content"]
        for token in added
        if token["special"]
        and token["content"] != END
        and not TIMESTAMP.fullmatch(token["content"])
    ]
    for token in (START, "<|transcribe|>", "<|translate|>", NO_TIMESTAMPS):
        if token not in special:
            raise InputError(f"{path}: expected the special token {token}, got {special}")
    tokenizer = WhisperTokenizer(
        tokenizer_file=str(path), extra_special_tokens=special, pad_token=END
    )
    timestamps = timestamp_tokens(vocab_size - len(tokenizer))
    tokenizer.add_tokens([AddedToken(token, special=False) for token in timestamps])
    if len(tokenizer) != vocab_size:
        raise InputError(
            f"{path}: expected the {vocab_size} tokens of the model, got {len(tokenizer)}"
        )
    return tokenizer


def special_ids(tokenizer: WhisperTokenizer) -> dict[str, int]:
    """Ids of the tokens that are spelled ``<|…|>``, without timestamps."""
    return {
        token: number
        for token, number in tokenizer.get_vocab().items()
        if SPECIAL.fullmatch(token) and not TIMESTAMP.fullmatch(token)
    }


def is_multilingual(ids: Mapping[str, int]) -> bool:
    """Whether the special tokens are those of a multilingual model."""
    return ids[END] != ENGLISH_END


def language_ids(ids: Mapping[str, int]) -> dict[str, int]:
    """The language tokens among special tokens, in the order of their ids."""
    ordered = sorted(ids, key=ids.__getitem__)
    return {token: ids[token] for token in ordered if LANGUAGE.fullmatch(token)}


def derived_settings(tokenizer: WhisperTokenizer, config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of ``generation_config`` for a folder without a generation config.

    Args:
        tokenizer: of the model.
        config: content of its ``config.json``; before 2023 that held the suppressed tokens.
    """
    ids = special_ids(tokenizer)
    never = [ids[token] for token in NEVER_WRITTEN if token in ids]
    space = tokenizer.get_vocab().get("Ġ")
    first = [token for token in (space, ids[END]) if token is not None]
    return {
        "alignment_heads": None,
        "lang_ids": list(language_ids(ids).values()),
        "suppress_ids": config.get("suppress_tokens") or sorted(never),
        "suppress_ids_begin": config.get("begin_suppress_tokens") or first,
    }


def generation_config(
    tokenizer: WhisperTokenizer, max_length: int, settings: dict[str, Any], source: Path
) -> GenerationConfig:
    """Build a generation config with all the keys of OpenAI's folders on the hub.

    Args:
        tokenizer: from ``read_tokenizer``.
        max_length: number of decoder positions.
        settings: content of CTranslate2's ``config.json``.
        source: path of that file, for error messages.

    Raises:
        InputError: if ``settings`` lacks a key, or ``lang_ids`` lists a token of no language.
    """
    keys = {"alignment_heads", "lang_ids", "suppress_ids", "suppress_ids_begin"}
    if missing := sorted(keys - settings.keys()):
        raise InputError(f"{source}: expected the keys {sorted(keys)}, {missing} are missing")
    ids: dict[str, Any] = {
        token: tokenizer.convert_tokens_to_ids(token) for token in tokenizer.all_special_tokens
    }
    maps: dict[str, dict[str, int]] = {}
    if is_multilingual(ids):
        maps["task_to_id"] = {task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")}
        maps["lang_to_id"] = _languages(tokenizer, settings["lang_ids"], source)
    return GenerationConfig(  # type: ignore[no-untyped-call]
        alignment_heads=settings["alignment_heads"],
        begin_suppress_tokens=settings["suppress_ids_begin"],
        suppress_tokens=settings["suppress_ids"],
        bos_token_id=ids[END],
        eos_token_id=ids[END],
        pad_token_id=ids[END],
        decoder_start_token_id=ids[START],
        no_timestamps_token_id=ids[NO_TIMESTAMPS],
        prev_sot_token_id=ids.get("<|startofprev|>"),
        is_multilingual=is_multilingual(ids),
        max_initial_timestamp_index=MAX_INITIAL_TIMESTAMP_INDEX,
        max_length=max_length,
        return_timestamps=False,
        **maps,
    )


def _languages(tokenizer: WhisperTokenizer, ids: list[int] | None, source: Path) -> dict[str, int]:
    if not ids:
        raise InputError(f"{source}: lang_ids: expected ids of a multilingual model, got {ids}")
    tokens = tokenizer.convert_ids_to_tokens(ids)
    if wrong := [token for token in tokens if not (token and LANGUAGE.fullmatch(token))]:
        raise InputError(f"{source}: lang_ids: expected tokens like <|be|>, got {wrong[0]}")
    return dict(zip(tokens, ids, strict=True))
