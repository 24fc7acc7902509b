"""Score the times of a text by the attention of a decoder that is forced to write it."""

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asr.alignment.attention import Attention, scores_of_attention
from asr.alignment.letters import Tokenize, letter_units, word_probabilities, word_units
from asr.alignment.params import AlignParams
from asr.alignment.unit_scores import UnitScores


class ForcedDecoder(Protocol):
    """A decoder that has heard a clip and reads given tokens behind its prompt.

    Attributes:
        max_tokens: most tokens that it can read.
        frame_s: seconds of a position of the clip.
    """

    @property
    def max_tokens(self) -> int:
        """See above."""

    @property
    def frame_s(self) -> float:
        """See above."""

    def log_probs(self, tokens: list[int]) -> npt.NDArray[np.float64]:
        """Log-probability of each token, shape (num_tokens,)."""

    def attention(self, tokens: list[int]) -> Attention:
        """Attention of all heads of all layers to the clip.

        Returns:
            Shape (heads, num_tokens + 1, num_frames): first where the first token is predicted,
            last where the last one is read.
        """


def attention_unit_scores(
    decoder: ForcedDecoder,
    text: str,
    tokenize: Tokenize,
    duration_s: float,
    params: AlignParams,
    *,
    starts_with_space: bool,
) -> UnitScores | None:
    """Force a text letter by letter, or in its usual tokens if its letters are too many.

    Args:
        decoder: has heard the clip.
        text: of the clip.
        tokenize: turns a piece of text into tokens.
        duration_s: of the clip; positions behind it are not used.
        params: section ``align``.
        starts_with_space: whether the family writes a space before the first word.

    Returns:
        None if the text has nothing that is spoken, or too many tokens.
    """
    pieces = word_units(text, tokenize, starts_with_space)
    units = letter_units(text, tokenize, starts_with_space)
    if len(units.tokens) > decoder.max_tokens:
        units = pieces
    if len(units.tokens) > decoder.max_tokens or not units.spoken.any():
        return None
    attention = decoder.attention(units.tokens)
    attention = attention[..., : math.ceil(duration_s / decoder.frame_s)]
    scores = scores_of_attention(
        attention[:, :-1], attention[:, 1:], params.num_heads, params.smooth_frames
    )
    # Letter by letter the probabilities mean little: no text that it learned looks like that.
    probabilities = word_probabilities(decoder.log_probs(pieces.tokens), pieces)
    kept = units.spoken
    return UnitScores(scores[kept], units.words[kept], decoder.frame_s, probabilities)
