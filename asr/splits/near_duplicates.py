"""Sentences that are nearly one another: «The red tractor ploughs.» and «The red tractor ploughs!!»

A model that learned the one by heart reads the other without listening. Two sentences are near when
the runs of four letters that they share are a large share of all that either has (Jaccard).
MinHash finds the candidates without comparing all with all; each is then measured exactly, so
nothing is called near that is not.
"""

from collections.abc import Iterable, Iterator, Sequence

from rensa import RMinHash, RMinHashLSH

RUN = 4  # letters; shorter runs are shared by chance, longer ones leave short words none
NUM_HASHES = 128
NUM_BANDS = 32  # of four hashes: finds 99.99 % of pairs at 0.75, one in four at 0.3
HASH_SEED = 1


def near_pairs(
    sentences: Sequence[str], among: Sequence[str], least_shared: float
) -> Iterator[tuple[int, int]]:
    """Each of ``sentences`` with the first of ``among`` that it is near to, by their indices.

    Args:
        sentences: keys of sentences, see ``sentence_key``.
        among: keys to compare them with.
        least_shared: share of runs, from 0 to 1, that two sentences must have in common.
    """
    runs_among = [letter_runs(key) for key in among]
    index = RMinHashLSH(least_shared, NUM_HASHES, NUM_BANDS)
    for number, runs in enumerate(runs_among):
        index.insert(number, _min_hash(runs))
    for number, key in enumerate(sentences):
        runs = letter_runs(key)
        for candidate in sorted(index.query(_min_hash(runs))):
            if shared_share(runs, runs_among[candidate]) >= least_shared:
                yield number, candidate
                break


def letter_runs(key: str) -> frozenset[str]:
    """Every run of ``RUN`` letters, the spaces between words included; a short key is one run."""
    return frozenset(key[i : i + RUN] for i in range(max(1, len(key) - RUN + 1)))


def shared_share(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's similarity: what both have, as a share of what either has."""
    return len(one & other) / len(one | other)


def _min_hash(runs: Iterable[str]) -> RMinHash:
    min_hash = RMinHash(num_perm=NUM_HASHES, seed=HASH_SEED)
    min_hash.update(sorted(runs))
    return min_hash
