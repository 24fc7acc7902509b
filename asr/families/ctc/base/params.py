"""Schema of a ctc's block in ``conf/models.yaml``."""

from pydantic import Field

from asr.core.schema import Schema
from asr.sources.weights import Weights


class Block(Schema):
    """A block under ``ctc`` in ``conf/models.yaml``.

    Attributes:
        weights: source of a wav2vec2, HuBERT, w2v-BERT 2.0 or Parakeet-CTC; of a Whisper, of which
            only the encoder is taken; or of a tuned model of this family, to go on with.
        num_pieces: most pieces of words that ``train`` adds to the letters; 0 for letters alone.
        margin_s: seconds of silence behind each clip; with Whisper's encoder only.
        seed: of a new head's random weights.
    """

    weights: Weights
    num_pieces: int = Field(ge=0, le=20_000)
    margin_s: float = Field(ge=0, le=30)
    seed: int = Field(ge=0, lt=2**31)
