"""Clips of replay corpora: all are for training, except those that share something with a score."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from asr.core.errors import InputError
from asr.families.protocols import TextTokens
from asr.splits.aside import Aside
from asr.splits.given import GIVEN
from asr.splits.params import SplitParams
from asr.splits.split import SplitResult, Trait, leaks, too_long, traits
from asr.utterances.utterance import Utterance

NAME = "replay"  # of the manifest, beside train, dev and test


def replay_utterances(
    utterances: Sequence[Utterance], scored: SplitResult, params: SplitParams, tokens: TextTokens
) -> tuple[list[Utterance], list[Aside]]:
    """The clips of replay corpora to train on, and those set aside.

    ``scored``, the splits of the other corpora, stays as it is. A clip is set aside if it shares a
    trait with dev or test, is a recording of train too, or has too many tokens. If its own corpus
    puts it in dev or test, it is set aside too: to train on a benchmark would spoil it.

    Raises:
        InputError: if a replay corpus has no clip left.
    """
    aside: dict[str, Aside] = {}
    for one in utterances:
        given = one.attributes.get(GIVEN, "train") if params.given == "keep" else "train"
        if given != "train":
            aside[one.id] = Aside(one, NAME, f"given_{given}")
        elif too_long(one, tokens):
            aside[one.id] = Aside(one, NAME, "too_many_tokens")
    remaining = [one for one in utterances if one.id not in aside]
    for leak in leaks(remaining, NAME, _owners(scored, params), params):
        aside[leak.utterance.id] = leak
    found = [one for one in utterances if one.id not in aside]
    if empty := {one.corpus for one in utterances} - {one.corpus for one in found}:
        reasons = Counter(leak.reason for leak in aside.values() if leak.utterance.corpus in empty)
        raise InputError(
            f"split: expected clips to replay of corpora {sorted(empty)}, all are set aside, by "
            f"reason: {dict(reasons)}; remove these lines, or their replay: true"
        )
    return found, list(aside.values())


def _owners(scored: SplitResult, params: SplitParams) -> dict[Trait, tuple[str, Utterance]]:
    """What no replayed clip may have: all traits of dev and test, and the recordings of train."""
    owners: dict[Trait, tuple[str, Utterance]] = {}
    for split in ("test", "dev", "train"):
        for one in scored.splits[split]:
            for trait in traits(one, params):
                if split != "train" or trait[0] == "recording":
                    owners.setdefault(trait, (split, one))
    return owners


def replay_counts(
    utterances: Sequence[Utterance], aside: Sequence[Aside], num_per_epoch: int
) -> dict[str, Any]:
    """Counts by corpus, for JSON; ``num_per_epoch`` clips are drawn for each epoch."""
    if not num_per_epoch:
        corpora = {one.corpus for one in (*utterances, *(leak.utterance for leak in aside))}
        print(f"train.replay.share is 0: training takes no clip of {sorted(corpora)}")
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for leak in aside:
        reasons[leak.utterance.corpus][leak.reason] += 1
    return {
        "num_utterances": dict(sorted(Counter(one.corpus for one in utterances).items())),
        "seconds": round(sum(one.duration_s for one in utterances), 2),
        "aside": {corpus: dict(sorted(found.items())) for corpus, found in sorted(reasons.items())},
        "num_per_epoch": num_per_epoch,
    }
