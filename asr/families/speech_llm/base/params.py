"""Schema of a speech_llm's block in ``conf/models.yaml``."""

from pydantic import Field

from asr.families.speech_llm.tokens.description import Joint
from asr.sources.weights import Folder, Weights


class Block(Joint):
    """A block under ``speech_llm`` in ``conf/models.yaml``, with the fields of ``Joint``.

    Attributes:
        encoder: source of a Whisper, of which only the encoder is taken.
        language_model: source of an instruction-tuned causal language model.
        projector: a model folder of the family, whose projector goes on learning; None for a new
            one.
        seed: of a new projector's random weights.
    """

    encoder: Weights
    language_model: Weights
    projector: Folder | None = None
    seed: int = Field(ge=0, lt=2**31)
