"""A Whisper's block in ``conf/models.yaml``."""

from asr.schemas import Schema
from asr.weights import Weights


class ModelParams(Schema):
    """Block of ``conf/models.yaml``, under ``whisper``.

    Attributes:
        weights: where the pretrained model comes from.
    """

    weights: Weights
