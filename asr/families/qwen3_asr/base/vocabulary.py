"""Read a Qwen3-ASR's tokenizer, and check that it belongs to the weights."""

from pathlib import Path
from typing import Any

from transformers import Qwen2Tokenizer

from asr.core.errors import InputError
from asr.families.qwen3_asr.tokens import AUDIO, END_OF_AUDIO, NEEDED, START_OF_AUDIO

# What transformers' processor calls them; QwenLM's own folders may lack the names.
AUDIO_TOKENS = {
    "audio_token": AUDIO,
    "audio_bos_token": START_OF_AUDIO,
    "audio_eos_token": END_OF_AUDIO,
}
FORMS = (("tokenizer.json",), ("vocab.json", "merges.txt"))


def read_tokenizer(folder: Path) -> Any:
    """Read the tokenizer of a folder.

    Raises:
        InputError: if files of it are missing or damaged.
    """
    there = sorted(path.name for path in folder.iterdir())
    missing = [] if "tokenizer_config.json" in there else ["tokenizer_config.json"]
    if not any(set(form) <= set(there) for form in FORMS):
        missing.append("tokenizer.json, or vocab.json and merges.txt")
    if missing:
        raise InputError(f"{folder}: expected {' and '.join(missing)}, got {there}")
    tokenizer = _loaded(folder)
    named = all(getattr(tokenizer, name, None) for name in AUDIO_TOKENS)
    if not named and set(AUDIO_TOKENS.values()) <= tokenizer.get_vocab().keys():
        tokenizer = _loaded(folder, extra_special_tokens=AUDIO_TOKENS)
    for key in ("is_local", "local_files_only"):
        tokenizer.init_kwargs.pop(key, None)  # where it came from is no part of it
    return tokenizer


def _loaded(folder: Path, **settings: Any) -> Any:
    try:
        return Qwen2Tokenizer.from_pretrained(folder, local_files_only=True, **settings)
    except Exception as error:  # tokenizers raises no narrower class
        raise InputError(f"{folder}: expected a tokenizer, got {error}") from error


def check_vocabulary(tokenizer: Any, config: Any, folder: Path) -> None:
    """Compare the tokens with config and embedding.

    Raises:
        InputError: if a token is missing, or the tokenizer is of another model.
    """
    ids, size = tokenizer.get_vocab(), config.text_config.vocab_size
    if missing := [token for token in NEEDED if token not in ids]:
        raise InputError(
            f"{folder}: tokenizer: expected the tokens of a Qwen3-ASR, {missing} are missing among "
            f"{len(ids)} tokens; copy the tokenizer files of the model that was tuned"
        )
    if (num_tokens := max(ids.values()) + 1) > size:
        raise InputError(
            f"{folder}: tokenizer: expected at most the {size} tokens of the weights, got "
            f"{num_tokens}: tokenizer and weights are of two models"
        )
    if (got := config.audio_token_id) != ids[AUDIO]:
        raise InputError(
            f"{folder / 'config.json'}: audio_token_id: expected {ids[AUDIO]}, the tokenizer's "
            f"{AUDIO}, got {got}"
        )
