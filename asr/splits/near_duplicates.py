"""Find near-duplicates: «The red tractor ploughs.» and «The red tractor ploughs it.»

A model that memorized one of them scores too well on the other. The similarity is Jaccard's: of
the 4-grams of letters that occur in either sentence, the fraction that occurs in both. MinHash
finds candidates without comparing all pairs. Then the exact similarity decides, so there are no
false positives.
"""

from collections.abc import Iterable, Iterator, Sequence

from rensa import RMinHash, RMinHashLSH

NGRAM = 4  # letters; shorter n-grams match by chance, longer ones do not fit short words
NUM_HASHES = 128
NUM_BANDS = 32  # of four hashes: finds 99.99 % of pairs at 0.75, one in four at 0.3
HASH_SEED = 1
MAX_ERROR = 0.25  # of the estimate by 128 hashes: five standard deviations at 0.5


def near_pairs(
    sentences: Sequence[str], among: Sequence[str], min_similarity: float
) -> Iterator[tuple[int, int]]:
    """Yield (index in ``sentences``, index of its first near-duplicate in ``among``).

    Args:
        sentences: keys of sentences, see ``sentence_key``.
        among: keys to compare with.
        min_similarity: minimum similarity of near-duplicates, 0 to 1.
    """
    ngrams_among = [letter_ngrams(key) for key in among]
    hashes_among = [_min_hash(ngrams) for ngrams in ngrams_among]
    index = RMinHashLSH(min_similarity, NUM_HASHES, NUM_BANDS)
    for number, hashes in enumerate(hashes_among):
        index.insert(number, hashes)
    for number, key in enumerate(sentences):
        ngrams = letter_ngrams(key)
        hashes = _min_hash(ngrams)
        for candidate in sorted(index.query(hashes)):
            # A quick estimate first: sentences of one pattern are candidates of each other.
            if hashes.jaccard(hashes_among[candidate]) < min_similarity - MAX_ERROR:
                continue
            if jaccard(ngrams, ngrams_among[candidate]) >= min_similarity:
                yield number, candidate
                break


def letter_ngrams(key: str) -> frozenset[str]:
    """All n-grams of ``NGRAM`` characters, spaces included; a shorter key is one n-gram."""
    return frozenset(key[i : i + NGRAM] for i in range(max(1, len(key) - NGRAM + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity of two sets: size of the intersection / size of the union."""
    return len(one & other) / len(one | other)


def _min_hash(ngrams: Iterable[str]) -> RMinHash:
    min_hash = RMinHash(num_perm=NUM_HASHES, seed=HASH_SEED)
    min_hash.update(sorted(ngrams))
    return min_hash
