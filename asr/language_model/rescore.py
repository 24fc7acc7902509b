"""Choose among the hypotheses of a clip by model and language model together.

The score of a hypothesis is what the search ranks by, log-probability per token, of both models:
(model + spelling x letters + words x words - unknown_word x unknown words + hot words) / tokens.
Its weights are those with the lowest WER on dev. Zeros are among them, so on dev the choice is
never worse than without. Hot words are the user's wish, which dev need not have: their bonus is not
tuned, and stays where the other weights are 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from asr.language_model.model import LanguageModel, TextScore
from asr.language_model.params import LmParams
from asr.language_model.words import words_of
from asr.text.error_rate import ErrorCounts, pooled, word_errors
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance

DIGITS = 6  # decimals of rates


@dataclass(frozen=True)
class Weights:
    """Weights of the parts of a ``TextScore``; all 0: the search's own choice."""

    unknown_word: float
    spelling: float
    words: float
    hot_word: float = 0.0

    def of(self, hypothesis: Hypothesis, score: TextScore) -> float:
        """Score of a hypothesis, per token."""
        log_prob = (
            self.spelling * score.spelling
            + self.words * score.words
            - self.unknown_word * score.unknown
            + self.hot_word * score.hot
        )
        return hypothesis.mean_log_prob + log_prob / max(1, hypothesis.num_tokens)


@dataclass(frozen=True)
class Candidates:
    """Hypotheses of a clip, the search's own choice first, with their scores."""

    hypotheses: Sequence[Hypothesis]
    scores: Sequence[TextScore]

    def best(self, weights: Weights) -> int:
        """Index of the best; the first of equals.

        Where nothing but hot words has a weight, it is the first, the search's own choice, unless
        another has more of them. A hypothesis that ran away is chosen only if all did.
        """
        ended = [at for at, one in enumerate(self.hypotheses) if not one.runaway]
        several = ended or range(len(self.hypotheses))
        most_hot = max(self.scores[at].hot for at in several)
        more_hot = weights.hot_word and most_hot > self.scores[0].hot
        if not (weights.unknown_word or weights.spelling or weights.words or more_hot):
            return 0
        return max(several, key=lambda at: weights.of(self.hypotheses[at], self.scores[at]))


NO_WEIGHTS = Weights(0.0, 0.0, 0.0)


def scored(hypotheses: Sequence[Hypothesis], model: LanguageModel) -> Candidates:
    """Score the hypotheses of a clip."""
    return Candidates(hypotheses, [model.score(one.text) for one in hypotheses])


@dataclass(frozen=True)
class Tuned:
    """Weights tuned on dev, with the WER there, of words in the form of ``words_of``."""

    weights: Weights
    wer_without: float | None
    wer_with: float | None
    wer_oracle: float | None

    def described(self) -> dict[str, Any]:
        """For the file of what the language model did."""
        return {
            "unknown_word": self.weights.unknown_word,
            "spelling": self.weights.spelling,
            "words": self.weights.words,
            "hot_word": self.weights.hot_word,
            "dev_wer_without": self.wer_without,
            "dev_wer_with": self.wer_with,
            "dev_wer_of_best_candidates": self.wer_oracle,
        }


def tune(
    utterances: Sequence[Utterance],
    lists: Mapping[str, Candidates],
    params: LmParams,
    language: str,
) -> Tuned:
    """Find the weights with the lowest WER on the dev utterances of one language.

    Of equal weights the smallest are taken: what does not help on dev does not change the test.

    Args:
        utterances: dev, in one language.
        lists: candidates by utterance id.
        params: section ``lm`` with the grids.
        language: of the utterances.
    """
    grid = list(_grid(params, params.hot_word_bonus if params.hot_words.get(language) else 0.0))
    errors = {one.id: [_errors(one, h) for h in lists[one.id].hypotheses] for one in utterances}

    def wer(weights: Weights) -> float:
        chosen = (errors[one.id][lists[one.id].best(weights)] for one in utterances)
        return pooled(chosen).rate or 0.0

    if not pooled(errors[one.id][0] for one in utterances).num_reference:
        return Tuned(grid[0], None, None, None)
    best = min(grid, key=wer)
    oracle = pooled(min(errors[one.id], key=lambda e: e.num_errors) for one in utterances)
    rates = (wer(NO_WEIGHTS), wer(best), oracle.rate or 0.0)
    return Tuned(best, *(round(rate, DIGITS) for rate in rates))


def _grid(params: LmParams, hot_word: float) -> Iterator[Weights]:
    """Zeros first, then all weights, ascending."""
    yield replace(NO_WEIGHTS, hot_word=hot_word)
    for weights in product(params.unknown_word, params.spelling, params.words):
        yield Weights(*weights, hot_word)


def _errors(utterance: Utterance, hypothesis: Hypothesis) -> ErrorCounts:
    texts = (utterance.text, hypothesis.text)
    return word_errors(*(" ".join(words_of(text, utterance.language)) for text in texts))
