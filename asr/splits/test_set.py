"""A further test set: a sample of a corpus, without utterances that leak from training.

The utterances of train, of dev, and those to replay are what the model has seen, or was chosen by.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from asr.core.errors import InputError
from asr.corpora.params import TestSet
from asr.splits.aside import Aside
from asr.splits.given import GIVEN
from asr.splits.params import SplitParams
from asr.splits.split import Trait, leaks, traits
from asr.utterances.utterance import Utterance

NUM_PAIRS = 10  # that an error names; the table of leaks has all


def sample_test_set(
    name: str,
    utterances: Sequence[Utterance],
    seen: Mapping[str, Sequence[Utterance]],
    line: TestSet,
    same_source: Collection[str],
    params: SplitParams,
) -> tuple[list[Utterance], list[Aside]]:
    """Draw the utterances to score, and list those that leak.

    If the corpus defines splits, only its test split is scored. ``max_samples`` of the utterances
    are drawn by the hash of their ids, so that a larger sample holds a smaller one.

    Args:
        name: of the test set, which is the corpus of its utterances.
        utterances: all that ``prepare`` kept.
        seen: utterances of train, dev and replay, by the name of their manifest.
        line: its line in params.yaml.
        same_source: corpora with the same source, whose speakers and sessions are the same where
            their ids are. Those of other sources are never equal.
        params: section ``split``: what no two splits share.

    Returns:
        The utterances to score, in their order in the corpus, and those that leak.

    Raises:
        InputError: if none is left, or if one leaks and ``on_leak`` is ``stop``; names the pairs.
    """
    scored = [one for one in utterances if one.attributes.get(GIVEN, "test") == "test"]
    if not scored:
        splits = dict(Counter(one.attributes[GIVEN] for one in utterances))
        raise InputError(f"test_sets.{name}: expected utterances of its split test, got {splits}")
    found = {
        leak.utterance.id: leak
        for leak in leaks(scored, "test", _owners(name, seen, same_source, params), params)
    }
    if line.on_leak == "stop":
        drawn = _drawn(scored, line.max_samples)
        if pairs := [found[one.id] for one in drawn if one.id in found]:
            raise InputError(_named(name, pairs, len(drawn)))
        return drawn, []
    drawn = _drawn([one for one in scored if one.id not in found], line.max_samples)
    if not drawn:
        raise InputError(f"test_sets.{name}: all {len(scored)} utterances leak from training")
    return drawn, list(found.values())


def _owners(
    name: str,
    seen: Mapping[str, Sequence[Utterance]],
    same_source: Collection[str],
    params: SplitParams,
) -> dict[Trait, tuple[str, Utterance]]:
    """All that the test set may not share, each with the utterance that has it."""
    owners: dict[Trait, tuple[str, Utterance]] = {}
    for split, members in seen.items():
        for one in members:
            # A speaker's id counts within a corpus, which this makes the test set's own.
            known = one.model_copy(update={"corpus": name}) if one.corpus in same_source else one
            for trait in traits(known, params):
                owners.setdefault(trait, (split, one))
    return owners


def _drawn(utterances: Sequence[Utterance], most: int) -> list[Utterance]:
    if not most:
        return list(utterances)
    by_hash = sorted(utterances, key=lambda one: hashlib.sha256(one.id.encode()).digest())
    chosen = {one.id for one in by_hash[:most]}
    return [one for one in utterances if one.id in chosen]


def _named(name: str, found: Sequence[Aside], num: int) -> str:
    pairs = [
        f"{leak.utterance.id} and {leak.other_split} {leak.other.id} share {leak.reason} "
        f"{leak.utterance.text!r:.60}"
        for leak in found[:NUM_PAIRS]
        if leak.other
    ]
    return (
        f"test_sets.{name}: expected nothing that training has seen, got {len(found)} of {num} "
        f"utterances, such as: {'; '.join(pairs)}. Leave them out with on_leak: drop_from_test, or "
        "take the corpus out of training"
    )


def counts(
    scored: Sequence[Utterance], found: Sequence[Aside], num_rejected: Mapping[str, int]
) -> dict[str, Any]:
    """Counts for JSON: what is scored, what was left out, by reason."""
    return {
        "num_utterances": len(scored),
        "seconds": round(sum(one.duration_s for one in scored), 2),
        "num_leaks": dict(sorted(Counter(leak.reason for leak in found).items())),
        "num_rejected": dict(num_rejected),
    }
