"""Check that weights, tokenizer, generation config and feature extractor belong together.

Folders of tuned and converted models often mix files of several models, and transformers loads
them without a word. What follows from the tokenizer or the weights is completed here; what
contradicts them is rejected by name.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tokenizers import AddedToken
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from asr.core.errors import InputError, faults
from asr.families.whisper.base.vocabulary import (
    END,
    NEVER_WRITTEN,
    NO_TIMESTAMPS,
    START,
    is_multilingual,
    language_ids,
    special_ids,
)
from asr.families.whisper.tokens import TIMESTAMP, timestamp_tokens, tokens_without_text
from asr.families.whisper.tokens.languages import language_token
from asr.features.log_mel import HOP, WINDOW
from asr.utterances.waveform import SAMPLE_RATE

NUM_TIMESTAMPS = 1501  # 0 to 30 s by 0.02 s
# Vocabularies are padded to a multiple of 8 or more, up to 128, for fast matrix products.
PADDING_MULTIPLE, MAX_PADDING = 8, 128

ACTIVATION = "gelu"  # what `encode` and CTranslate2 compute, and every published Whisper


class _GenerationKeys(BaseModel):
    """Types of the keys of ``generation_config.json`` that are read; null stands for none."""

    model_config = ConfigDict(strict=True)

    decoder_start_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None
    no_timestamps_token_id: int | None = None
    is_multilingual: bool | None = None
    lang_to_id: dict[str, int] | None = None
    task_to_id: dict[str, int] | None = None
    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: list[int] | None = None
    alignment_heads: list[Annotated[list[int], Field(min_length=2, max_length=2)]] | None = None


def check_generation(values: Any, path: Path) -> None:
    """Check the types of a generation config before transformers reads it.

    Raises:
        InputError: if a key has a value of another type; names it.
    """
    try:
        _GenerationKeys.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {faults(error)[0]}") from error


def settle(
    model: WhisperForConditionalGeneration,
    processor: WhisperProcessor,
    folder: Path,
    shared: Mapping[str, str],
) -> None:
    """Complete the configs of a model in place; see above.

    Args:
        model: with a generation config.
        processor: tokenizer and feature extractor.
        folder: where they come from, for error messages.
        shared: ISO 639 codes, each with the language whose token stands for it.

    Raises:
        InputError: if a part contradicts another; names the key.
    """
    network: Any = model
    parts: Any = processor
    if (got := network.config.activation_function) != ACTIVATION:
        raise InputError(
            f"{folder / 'config.json'}: activation_function: expected {ACTIVATION!r}, got {got!r}"
        )
    _check_size(network, parts.tokenizer, folder)
    _check_token_ids(network, parts.tokenizer, folder / "generation_config.json")
    _check_suppressed(network, parts.tokenizer, folder / "generation_config.json")
    _share_tokens(network.generation_config, parts.tokenizer, shared)
    _drop_missing_heads(network, folder / "generation_config.json")
    _check_features(network, parts.feature_extractor, folder / "preprocessor_config.json")
    # Asked of the weights: a folder may hold a projection of its own and say nothing of it.
    network.config.tie_word_embeddings = (
        network.proj_out.weight is network.model.decoder.embed_tokens.weight
    )


def _check_size(model: Any, tokenizer: Any, folder: Path) -> None:
    """Compare the tokens with the rows of the embedding; add timestamps that are not listed."""
    ids, size = tokenizer.get_vocab(), model.config.vocab_size
    if missing := [token for token in (END, START, NO_TIMESTAMPS) if token not in ids]:
        raise InputError(
            f"{folder}: tokenizer: expected the special tokens of a Whisper, {missing} are missing "
            f"among {len(ids)} tokens; copy the tokenizer files of the model that was tuned"
        )
    num_tokens = max(ids.values()) + 1
    if num_tokens > size:
        raise InputError(
            f"{folder}: tokenizer: expected at most the {size} tokens of the weights, got "
            f"{num_tokens}; resize the embedding for added tokens, or take the model's tokenizer"
        )
    if not any(TIMESTAMP.fullmatch(token) for token in ids) and size >= num_tokens + NUM_TIMESTAMPS:
        stamps = timestamp_tokens(NUM_TIMESTAMPS)
        tokenizer.add_tokens([AddedToken(token, special=False) for token in stamps])
        num_tokens += NUM_TIMESTAMPS
    is_padding = size % PADDING_MULTIPLE == 0 and size - num_tokens < MAX_PADDING
    if num_tokens != size and not is_padding:
        raise InputError(
            f"{folder}: tokenizer: expected the {size} tokens of the weights, got {num_tokens}: "
            "tokenizer and weights are of two models"
        )


def _check_token_ids(model: Any, tokenizer: Any, path: Path) -> None:
    """Complete start, end, language and task tokens from the tokenizer, or compare them."""
    generation, ids = model.generation_config, special_ids(tokenizer)
    end = generation.eos_token_id
    if isinstance(end, list) and len(end) == 1:
        generation.eos_token_id = end[0]
    expected: dict[str, Any] = {
        "is_multilingual": is_multilingual(ids),
        "decoder_start_token_id": ids[START],
        "eos_token_id": ids[END],
        "no_timestamps_token_id": ids[NO_TIMESTAMPS],
    }
    for key, token in expected.items():
        if (got := getattr(generation, key, None)) is None:
            setattr(generation, key, token)
        elif got != token:
            raise _other_model(path, key, token, got)
    if generation.is_multilingual:
        _check_map(generation, "lang_to_id", language_ids(ids), path)
        tasks = {task: ids.get(f"<|{task}|>") for task in ("transcribe", "translate")}
        if missing := [task for task, token in tasks.items() if token is None]:
            raise InputError(f"{path.parent}: tokenizer: expected tokens of the tasks {missing}")
        _check_map(generation, "task_to_id", tasks, path)
    # The defaults of these keys are those of English-only models.
    for key, token in (("bos", END), ("eos", END), ("decoder_start", START)):
        setattr(model.config, f"{key}_token_id", ids[token])
    for config in (model.config, generation):
        if config.pad_token_id is None or not 0 <= config.pad_token_id < model.config.vocab_size:
            config.pad_token_id = ids[END]


def _check_map(generation: Any, key: str, expected: Mapping[str, Any], path: Path) -> None:
    """Compare a map of languages or tasks with the tokenizer's; an entry missing is added."""
    given = getattr(generation, key, None) or {}
    for name, got in given.items():
        # A language may have the token of another that keeps its own; see `_share_tokens`.
        kept = [token for other, token in expected.items() if given.get(other, token) == token]
        if got != expected.get(name) and got not in kept:
            raise _other_model(path, f"{key}.{name}", expected.get(name), got)
    setattr(generation, key, {**given, **{n: t for n, t in expected.items() if n not in given}})


def _other_model(path: Path, key: str, expected: Any, got: Any) -> InputError:
    return InputError(
        f"{path}: {key}: expected {expected} as in the tokenizer, got {got}: the file is "
        "of another model; without it, it is completed from the tokenizer"
    )


def _check_suppressed(model: Any, tokenizer: Any, path: Path) -> None:
    """Check the ids of suppressed tokens, and add the control tokens that are never text.

    Many tuned models list none, since a common recipe empties the list. Before 2023 ``config.json``
    held it.
    """
    size, generation, ids = model.config.vocab_size, model.generation_config, special_ids(tokenizer)
    suppressed = set(ids.values())
    for key in ("suppress_tokens", "begin_suppress_tokens"):
        tokens = getattr(generation, key, None)
        if tokens is None:
            tokens = getattr(model.config, key, None) or []
        for token in tokens:
            if not 0 <= token < size:
                raise InputError(f"{path}: {key}: expected ids below {size}, got {token}")
            if token == ids[END] and key == "suppress_tokens":
                raise InputError(f"{path}: {key}: expected no end token, got {token}")
        if key == "suppress_tokens":
            never = {ids[token] for token in NEVER_WRITTEN if token in ids}
            tokens = [*tokens, *sorted(never.difference(tokens))]
        setattr(generation, key, tokens)
        suppressed.update(tokens)
    last = generation.no_timestamps_token_id
    suppressed.update(tokens_without_text(tokenizer.backend_tokenizer, last, size))
    if suppressed >= set(range(size)):
        raise InputError(f"{path}: suppress_tokens: expected tokens left to write, got none")


def _share_tokens(generation: Any, tokenizer: Any, shared: Mapping[str, str]) -> None:
    """Let a language have the token of another: one without a token, or one of a group.

    ``lang_to_id`` then has an entry of it, ``<|bs|>`` or ``ku``, as transformers reads it. All that
    decodes the model goes by this map.
    """
    if shared and not generation.is_multilingual:
        raise InputError("language_token: expected none for an English-only Whisper, got some")
    own = language_ids(special_ids(tokenizer))
    for language, lender in shared.items():
        token = language_token(lender, own)
        if token is None or generation.lang_to_id[token] != own[token]:
            raise InputError(
                f"language_token.{language}: expected a language that has a token of its own, got "
                f"{lender!r}"
            )
        name = f"<|{language}|>"
        generation.lang_to_id[name if name in own else language] = own[token]


def _drop_missing_heads(model: Any, path: Path) -> None:
    """Drop alignment heads that the decoder lacks: distilled models often list their teacher's."""
    generation, config = model.generation_config, model.config
    heads = getattr(generation, "alignment_heads", None)
    if heads is None:
        return
    layers, width = config.decoder_layers, config.decoder_attention_heads
    kept = [
        head for head in heads
        if len(head) == 2 and 0 <= head[0] < layers and 0 <= head[1] < width
    ]  # fmt: skip
    if len(kept) < len(heads):
        print(
            f"{path}: alignment_heads: {len(heads) - len(kept)} of {len(heads)} left out, the "
            f"decoder has {layers} layers of {width} heads",
            file=sys.stderr,
        )
    generation.alignment_heads = kept
    if not kept:
        del generation.alignment_heads  # all heads of the last half, as in CTranslate2


def _check_features(model: Any, extractor: Any, path: Path) -> None:
    expected = {
        "feature_size": model.config.num_mel_bins,
        "sampling_rate": SAMPLE_RATE,
        "hop_length": HOP,
        "n_fft": WINDOW,
    }
    for key, value in expected.items():
        if (got := getattr(extractor, key)) != value:
            raise InputError(f"{path}: {key}: expected {value} as in the model, got {got}")
