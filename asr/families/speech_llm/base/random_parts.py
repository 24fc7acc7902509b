"""Parts of any size with random weights, to try the family without a download."""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from asr.core.errors import InputError, faults
from asr.core.files import read_json
from asr.core.schema import Schema
from asr.families.speech_llm.tokens import END, END_OF_TEXT, START

Sizes = TypeVar("Sizes", bound=Schema)


def random_config(path: Path, schema: type[Sizes], part: str) -> tuple[Sizes, int]:
    """Sizes and seed in ``random.json``; ``part`` is the field of the block.

    Raises:
        InputError: if a key of ``config`` is missing or invalid; names it.
    """
    described = read_json(path)
    try:
        return schema.model_validate(described["config"]), described["seed"]
    except ValidationError as error:
        raise InputError(f"{part}.config: {'; '.join(faults(error))}") from error


def byte_tokenizer() -> Tokenizer:
    """A tokenizer that spells text byte by byte, with the tokens of the chat form."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, special=True) for token in (END_OF_TEXT, START, END)]
    tokenizer.add_special_tokens(special)
    return tokenizer
