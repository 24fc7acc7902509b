"""The likeliest path through the frames of a clip, without torch."""

import numpy as np
import numpy.typing as npt

from asr.core.errors import InputError
from asr.families.ctc.tokens.vocabulary import Vocabulary
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance

LogProbs = npt.NDArray[np.float32]  # shape (num_frames, num_tokens)


def log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Log-probabilities of the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    sums: npt.NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return sums


def require_finite(utterance: Utterance, log_probs: LogProbs) -> None:
    """Check the log-probability of each frame's likeliest label.

    Raises:
        InputError: if it is not finite, which only faulty weights cause.
    """
    if not np.isfinite(log_probs.max(axis=1)).all():
        raise InputError(
            f"{utterance.id}: expected finite log-probabilities, got others: the model's weights "
            "or activations are not finite"
        )


def greedy(vocabulary: Vocabulary, utterance: Utterance, log_probs: LogProbs) -> Hypothesis:
    """Take the likeliest label of each frame; join equal neighbours, drop blanks.

    The hypothesis has as many tokens as labels, and the mean of each label's best log-probability;
    without a label, that of the blanks. It can't run away: it ends with the clip.

    Raises:
        InputError: if a log-probability is not finite.
    """
    require_finite(utterance, log_probs)
    best, scores = log_probs.argmax(axis=1), log_probs.max(axis=1)
    begins = np.flatnonzero(np.diff(best, prepend=-1))
    if len(begins):
        labels, scores = best[begins], np.maximum.reduceat(scores, begins)
        scores = scores[labels != 0] if labels.any() else scores
        labels = labels[labels != 0]
    else:
        labels = best
    return Hypothesis(
        id=utterance.id,
        text=vocabulary.text_of(labels.tolist()),
        num_tokens=len(labels),
        # Rounded, so that the order of summation does not change the hash of the file.
        mean_log_prob=min(0.0, round(float(scores.mean()), 6)) if len(scores) else 0.0,
        runaway=False,
    )
