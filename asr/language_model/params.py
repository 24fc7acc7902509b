"""Section ``lm``: a language model from text, used in decoding."""

from importlib.util import find_spec
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from asr.core.schema import Schema

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Grid = Annotated[list[float], Field(min_length=1, max_length=20)]
PACKAGES = ("kaldingram", "kenlm")  # build the n-grams, read them


class LmParams(Schema):
    """Section ``lm``, explained in ``params.yaml``."""

    weight: Literal["none", "dev"]
    text: dict[Language, list[Name]]
    folder: str = Field(min_length=1)
    order: int = Field(ge=2, le=5)  # kenlm reads no unigrams, kaldingram counts up to 5
    letters: int = Field(ge=2, le=5)
    max_words: int = Field(ge=1000)
    num_candidates: int = Field(ge=2, le=100)
    num_dev_utterances: int = Field(ge=1)
    unknown_word: Grid
    spelling: Grid
    words: Grid
    hot_words: dict[Language, list[str]]
    hot_word_bonus: float = Field(ge=0, le=20)

    @field_validator("weight")
    @classmethod
    def _packages_are_here(cls, weight: str) -> str:
        """Every stage checks all of params.yaml: said before the training, not after it."""
        if weight == "dev" and (missing := [name for name in PACKAGES if find_spec(name) is None]):
            raise ValueError(
                f"expected none without {' and '.join(missing)} (pip install -r "
                "requirements/language_model.txt), got dev"
            )
        return weight

    @model_validator(mode="after")
    def _grids_are_of_weights(self) -> Self:
        for name in ("unknown_word", "spelling", "words"):
            grid: list[float] = getattr(self, name)
            if min(grid) < 0 or grid != sorted(grid):
                raise ValueError(f"expected {name} to ascend from 0 or more, got {grid}")
        return self
