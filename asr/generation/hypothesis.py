"""Build the hypothesis of a clip from the tokens that a search found."""

import math
from collections.abc import Callable, Collection

from asr.core.errors import InputError
from asr.generation.search import Found
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance


def hypothesis_of(
    utterance: Utterance,
    found: Found,
    ends: Collection[int],
    text_of: Callable[[list[int]], str],
) -> Hypothesis:
    """Build the hypothesis of a clip; it ran away if its last token is no end token.

    Raises:
        InputError: if the log-probability is not finite, which only faulty weights cause.
    """
    if not math.isfinite(found.log_prob):
        raise InputError(
            f"{utterance.id}: expected a finite log-probability of the hypothesis, got "
            f"{found.log_prob}: the model's weights or activations are not finite"
        )
    ended = found.tokens[-1] in ends
    return Hypothesis(
        id=utterance.id,
        text=text_of(found.tokens[:-1] if ended else found.tokens),
        num_tokens=len(found.tokens),
        # Rounded, so that the order of summation does not change the hash of the file.
        mean_log_prob=min(0.0, round(found.log_prob / len(found.tokens), 6)),
        runaway=not ended,
    )
