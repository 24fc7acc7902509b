"""Schema of a Whisper's block in ``conf/models.yaml``."""

from collections.abc import Collection
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from asr.core.files import read_json
from asr.core.schema import Schema
from asr.families.whisper.base.closest import closest_tokens
from asr.families.whisper.tokens.languages import ALIASES, CODES
from asr.sources.weights import Weights

Code = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]


class Block(Schema):
    """A block under ``whisper`` in ``conf/models.yaml``.

    Attributes:
        weights: source of the pretrained model.
        language_token: ISO 639 codes, each with the language whose token stands for it in the
            prompt; usually empty.
    """

    weights: Weights
    language_token: dict[Code, Code] = Field({})

    @model_validator(mode="after")
    def _tokens_exist(self) -> Self:
        if self.language_token and is_english_only(self):
            raise ValueError(
                "expected no language_token with an English-only Whisper, got "
                f"{self.language_token}"
            )
        for language, lender in self.language_token.items():
            if fault := _fault_of_token(language, lender, self):
                raise ValueError(f"language_token.{language}: {fault}")
        return self


def _fault_of_token(language: str, lender: str, block: Block) -> str | None:
    """What is wrong with an entry of ``language_token``; None if nothing is."""
    import langcodes  # takes 0.1 s, and few blocks have an entry

    if (code := langcodes.Language.get(language).language) != language:
        return f"expected the language's shortest code, {code}, got {language}"
    tokens = languages_with_token(block)
    token = lender if lender in tokens else ALIASES.get(lender, lender)
    if token not in tokens:
        return (
            f"expected a language with a token of Whisper's, got {lender}; for {language}, "
            f"{closest_tokens(language, tokens)}"
        )
    if block.language_token.get(token, token) != token:
        return (
            f"expected a language that keeps its own token, got {lender}, which has that of "
            f"{block.language_token[token]}"
        )
    return None


def languages_with_token(block: Block) -> Collection[str]:
    """Codes of the languages that the weights have a token for, as far as is known beforehand.

    A tuned folder may have more than Whisper's own: those that shared a token in its training.
    """
    if block.weights.kind == "folder":
        path = block.weights.path / "generation_config.json"
        languages = read_json(path).get("lang_to_id") if path.is_file() else None
        if isinstance(languages, dict):
            return [key.strip("<|>") for key in languages]
    return CODES


def is_english_only(block: Block) -> bool:
    """Whether the weights are English-only, as far as is known before they are fetched.

    OpenAI and others end the names of such models with ``.en``.
    """
    source = block.weights
    if source.kind == "hub":
        return source.repo.endswith(".en")
    if source.kind != "folder":
        return False
    generation = source.path / "generation_config.json"
    if generation.is_file():
        return read_json(generation).get("is_multilingual") is False
    return source.path.name.endswith(".en")
