"""Splits that a corpus defines itself, and which splits a corpus is to fill."""

from collections import defaultdict
from collections.abc import Iterable

from asr.splits.params import SplitParams
from asr.utterances.utterance import Utterance

SPLITS = ("train", "dev", "test")
GIVEN = "split"  # the attribute with the split that the corpus itself defines


def splits_to_fill(utterances: Iterable[Utterance], params: SplitParams) -> dict[str, set[str]]:
    """The splits that each corpus is to fill: all three, or the one that it is as a whole.

    A benchmark is a test set as a whole, one reader's corpus may be training data as a whole. If
    no corpus fills all three, the corpora that are train also fill the splits that none is.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for one in utterances:
        found[one.corpus].add(one.attributes.get(GIVEN, "") if params.given == "keep" else "")
    whole = {corpus: next(iter(own)) for corpus, own in found.items() if len(own) == 1 and all(own)}
    absent = set(SPLITS) - set(whole.values()) if len(whole) == len(found) else set()
    if absent and "train" not in whole.values():
        whole = {}
    return {
        corpus: {whole[corpus]} | (absent if whole[corpus] == "train" else set())
        if corpus in whole
        else set(SPLITS)
        for corpus in found
    }
