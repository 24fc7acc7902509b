"""A Whisper's block in ``conf/models.yaml``."""

from asr.core.schema import Schema
from asr.sources.weights import Weights


class Block(Schema):
    """Block of ``conf/models.yaml``, under ``whisper``.

    Attributes:
        weights: where the pretrained model comes from.
    """

    weights: Weights
