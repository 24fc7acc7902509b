"""Schema of a speech_llm's block in ``conf/models.yaml``."""

from pydantic import Field

from asr.families.speech_llm.tokens.description import Joint
from asr.sources.weights import Weights


class Block(Joint):
    """A block under ``speech_llm`` in ``conf/models.yaml``, with the fields of ``Joint``.

    Attributes:
        encoder: source of a Whisper, of which only the encoder is taken.
        language_model: source of an instruction-tuned causal language model.
        seed: of the projector's random weights.
    """

    encoder: Weights
    language_model: Weights
    seed: int = Field(ge=0, lt=2**31)
