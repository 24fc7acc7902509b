"""Schema of a Whisper's block in ``conf/models.yaml``."""

from asr.core.schema import Schema
from asr.sources.weights import Weights


class Block(Schema):
    """A block under ``whisper`` in ``conf/models.yaml``.

    Attributes:
        weights: source of the pretrained model.
    """

    weights: Weights
