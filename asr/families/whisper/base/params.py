"""Schema of a Whisper's block in ``conf/models.yaml``."""

from typing import Annotated

from pydantic import Field, StringConstraints

from asr.core.files import read_json
from asr.core.schema import Schema
from asr.sources.weights import Weights

Code = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]


class Block(Schema):
    """A block under ``whisper`` in ``conf/models.yaml``.

    Attributes:
        weights: source of the pretrained model.
        languages: ISO 639 codes of languages without a token, and the code of the language whose
            token each one borrows; usually empty.
    """

    weights: Weights
    languages: dict[Code, Code] = Field({})


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
