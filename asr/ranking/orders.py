"""Order clips for correction: those first whose hypotheses have most errors for their length.

A corrector listens to each clip, so a clip costs what it lasts, and each order divides by that.
Confidence is the usual measure of active learning in speech recognition: Riccardi & Hakkani-Tür
(2005), "Active Learning: Theory and Applications to Automatic Speech Recognition".
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from rensa import RMinHash, RMinHashLSH

from asr.scoring.normalizers import Normalizers
from asr.splits.near_duplicates import HASH_SEED, NUM_BANDS, NUM_HASHES, jaccard, letter_ngrams
from asr.text.error_rate import word_errors
from asr.text.sentence import sentence_key


@dataclass(frozen=True)
class Candidate:
    """A clip that may be corrected.

    Attributes:
        id: unique in the pool.
        language: ISO 639 code.
        speaker_id: None if unknown.
        duration_s: in seconds.
        text: the tuned model's hypothesis.
        num_tokens: of it, the end token included; 0 if unknown.
        mean_log_prob: mean natural log-probability of those tokens; 0 if unknown.
        runaway: whether decoding ran into its token budget, as in a loop.
        other_text: the other model's hypothesis; None if there is none.
    """

    id: str
    language: str
    speaker_id: str | None
    duration_s: float
    text: str
    num_tokens: int = 0
    mean_log_prob: float = 0.0
    runaway: bool = False
    other_text: str | None = None


# Returns a value for each clip; the clip with the highest is to be corrected first.
Order = Callable[[Sequence[Candidate], Normalizers], list[float]]


def by_confidence(pool: Sequence[Candidate], _: Normalizers) -> list[float]:
    """Tokens that are probably wrong, a second of audio.

    A token is wrong with probability 1 - p, p being the geometric mean of the tokens' own. A loop
    has hundreds of tokens and is sure of them, so it counts as the pool's usual number of tokens a
    second, all wrong.
    """
    rates = [one.num_tokens / one.duration_s for one in pool]
    whole = [rate for one, rate in zip(pool, rates, strict=True) if not one.runaway]
    usual = median(whole or [0.0])
    return [
        usual if one.runaway else rate * (1 - math.exp(one.mean_log_prob))
        for one, rate in zip(pool, rates, strict=True)
    ]


def by_disagreement(pool: Sequence[Candidate], normalizers: Normalizers) -> list[float]:
    """Word errors between the two models' normalized hypotheses, a second of audio."""

    def num_errors(one: Candidate) -> int:
        texts = (one.other_text or "", one.text)
        return word_errors(*(normalizers.normalize(t, one.language) for t in texts)).num_errors

    return [num_errors(one) / one.duration_s for one in pool]


def by_both(pool: Sequence[Candidate], normalizers: Normalizers) -> list[float]:
    """The mean of two shares: of clips with less disagreement, and of those with more confidence.

    Shares, because tokens and words have different scales.
    """
    values = [order(pool, normalizers) for order in (by_confidence, by_disagreement)]
    return [sum(shares) / 2 for shares in zip(*map(_shares_below, values), strict=True)]


def _shares_below(values: Sequence[float]) -> list[float]:
    ascending = sorted(values)
    return [bisect_left(ascending, value) / len(values) for value in values]


ORDERS: dict[str, Order] = {
    "confidence": by_confidence,
    "disagreement": by_disagreement,
    "both": by_both,
}
NEED_CONFIDENCE = ("confidence", "both")
NEED_OTHER = ("disagreement", "both")


def ranked(pool: Sequence[Candidate], values: Sequence[float], min_similarity: float) -> list[int]:
    """Indices of the pool in the order to correct them.

    1. Languages alternate in proportion to their clips. Without that, the one that the model knows
       least took 99 % of the places in ``benchmarks.ranking``, and the other one got worse.
    2. A clip whose text is a near-duplicate of one before it comes after all others.
    3. Speakers take turns, each with the best of their clips. Clips without a speaker count as
       those of one.
    4. In a turn the highest value comes first.

    Args:
        pool: clips.
        values: one for each.
        min_similarity: of near-duplicates, 0 to 1, as ``split.near_duplicate``; 0: none are.
    """
    places: list[tuple[float, int]] = []
    for language in sorted({one.language for one in pool}):
        some = [index for index, one in enumerate(pool) if one.language == language]
        order = _ranked(pool, sorted(some, key=lambda index: -values[index]), min_similarity)
        places += [((place + 0.5) / len(order), index) for place, index in enumerate(order)]
    return [index for _, index in sorted(places, key=lambda place: place[0])]


def _ranked(pool: Sequence[Candidate], by_value: Sequence[int], min_similarity: float) -> list[int]:
    """The order of one language's clips, from that of their values."""
    again = _near_duplicates([sentence_key(pool[i].text) for i in by_value], min_similarity)
    turns: dict[tuple[bool, str | None], int] = {}
    places: list[tuple[bool, int]] = []
    for index, repeated in zip(by_value, again, strict=True):
        speaker = (repeated, pool[index].speaker_id)
        turns[speaker] = turns.get(speaker, 0) + 1
        places.append((repeated, turns[speaker]))
    return [index for _, index in sorted(zip(places, by_value, strict=True), key=lambda p: p[0])]


def _near_duplicates(keys: Sequence[str], min_similarity: float) -> list[bool]:
    """Whether each sentence is a near-duplicate of one before it that is none.

    An empty one never is: of two clips without a hypothesis nobody knows whether they say the same.
    """
    index = RMinHashLSH(min_similarity or 1.0, NUM_HASHES, NUM_BANDS)
    chosen: list[frozenset[str]] = []
    found = []
    for key in keys:
        ngrams = letter_ngrams(key)
        min_hash = _min_hash(ngrams)
        found.append(
            bool(key and min_similarity)
            and any(jaccard(ngrams, chosen[i]) >= min_similarity for i in index.query(min_hash))
        )
        if not found[-1]:
            index.insert(len(chosen), min_hash)
            chosen.append(ngrams)
    return found


def _min_hash(ngrams: Iterable[str]) -> RMinHash:
    min_hash = RMinHash(num_perm=NUM_HASHES, seed=HASH_SEED)
    min_hash.update(sorted(ngrams))
    return min_hash


def within(pool: Sequence[Candidate], order: Sequence[int], budget_s: float) -> list[int]:
    """The beginning of an order whose audio takes at most so many seconds."""
    spent_s = 0.0
    for place, index in enumerate(order):
        spent_s += pool[index].duration_s
        if spent_s > budget_s:
            return list(order[:place])
    return list(order)
