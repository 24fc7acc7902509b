"""From the tokens that a search found to a hypothesis."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from asr.hypothesis import Hypothesis
from asr.utterance import Utterance


def hypothesis_of(
    tokenizer: Tokenizer,
    end: int,
    utterance: Utterance,
    tokens: Sequence[int],
    log_prob: float,
) -> Hypothesis:
    """From all tokens of a clip, which end in the token ``end`` unless they ran away."""
    ended = tokens[-1] == end
    text = tokenizer.decode(tokens[:-1] if ended else tokens, skip_special_tokens=False)
    return Hypothesis(
        id=utterance.id,
        text=text.strip(),
        num_tokens=len(tokens),
        # Rounded, so that the last bits of a sum don't show in a file that is hashed.
        mean_log_prob=min(0.0, round(log_prob / len(tokens), 6)),
        runaway=not ended,
    )
