"""Split utterances into train, dev and test without leaks.

**Stable.** The hash of its speaker (else session, else sentence) alone assigns an utterance to a
split. So new data does not move old utterances. The shares are approximate; more speakers make
them more exact.

**No leak.** Two splits may then still share a sentence, a near-duplicate sentence, a recording or
a session. In that case the utterance in test stays; without one in test, the one in dev stays. The
other is set aside: it is in no split, and listed with the reason. Keeping such groups whole would
not be stable, since one new utterance can link a group of train with one of test.

Splits that a corpus defines are kept. A leak between them is an error, to be fixed in the corpus. A
corpus that is one split as a whole, such as a benchmark's test set, stays so beside other corpora.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from asr.core.errors import InputError
from asr.families.protocols import TextTokens
from asr.splits.aside import Aside
from asr.splits.given import GIVEN, SPLITS, splits_to_fill
from asr.splits.near_duplicates import near_pairs
from asr.splits.params import SplitParams
from asr.text.sentence import unit_key
from asr.utterances.utterance import Utterance

_BY_PRECEDENCE = ("test", "dev", "train")

Trait = tuple[str, ...]


@dataclass(frozen=True)
class SplitResult:
    """Utterances by split, and those in none.

    Attributes:
        splits: utterances by split, each in input order.
        aside: utterances set aside, those of dev before those of train.
    """

    splits: dict[str, list[Utterance]]
    aside: list[Aside]


def split_utterances(utterances: Sequence[Utterance], params: SplitParams) -> SplitResult:
    """Split utterances into train, dev and test; set aside those that would leak.

    Raises:
        InputError: if splits that a corpus defines leak (names pairs of utterances), if a corpus
            has no utterance in one of the splits that it is to fill, or if no utterance has the
            attribute to stratify by.
    """
    known = {name for one in utterances for name in one.attributes}
    if params.stratify_by and params.stratify_by not in known:
        raise InputError(
            f"split.stratify_by: expected an attribute of the utterances, one of {sorted(known)}, "
            f"got {params.stratify_by!r}"
        )
    if params.given == "keep":
        _check_given(utterances, params)
    result = _split(utterances, params)
    if empty := _empty(result, utterances, params):
        raise InputError(_why_empty(empty, result, utterances, params))
    return result


def _split(utterances: Sequence[Utterance], params: SplitParams) -> SplitResult:
    split_by_id = _assign_splits(utterances, params)
    by_split = {
        split: [one for one in utterances if split_by_id[one.id] == split] for split in SPLITS
    }
    return set_leaks_aside(by_split, params)


def _assign_splits(utterances: Sequence[Utterance], params: SplitParams) -> dict[str, str]:
    """Assign each utterance id to a split: the corpus's own split, or one by hash."""
    keep = params.given == "keep"
    given = {u.id: u.attributes[GIVEN] for u in utterances if keep and GIVEN in u.attributes}
    missing = splits_to_fill(utterances, params)
    for one in utterances:
        if one.id in given:
            missing[one.corpus].discard(given[one.id])
    split_by_id: dict[str, str] = {}
    free: dict[tuple[str, str], dict[Trait, list[Utterance]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for one in utterances:
        own_split = given.get(one.id)
        if own_split is not None and (own_split != "train" or "dev" not in missing[one.corpus]):
            split_by_id[one.id] = own_split
        else:
            # If a corpus defines only train and test, dev is taken from its train.
            stratum = one.attributes.get(params.stratify_by, "")
            free[one.corpus, stratum][_unit(one, params)].append(one)
    for (corpus, _), units in free.items():
        for unit, split in _assign_units(units, missing[corpus], params).items():
            split_by_id |= dict.fromkeys((one.id for one in units[unit]), split)
    return split_by_id


def _unit(utterance: Utterance, params: SplitParams) -> Trait:
    """The unit that is assigned as a whole: speaker, else session, else sentence."""
    if utterance.speaker_id is not None and "speaker" in params.disjoint:
        return "speaker", utterance.corpus, utterance.speaker_id
    if utterance.session_id is not None and "session" in params.disjoint:
        return "session", utterance.corpus, utterance.session_id
    return "sentence", utterance.language, unit_key(utterance.text, utterance.language)


def _assign_units(
    units: Iterable[Trait], missing: set[str], params: SplitParams
) -> dict[Trait, str]:
    """Assign each unit of one stratum of one corpus to a split.

    An empty split takes the unit with the lowest position from the largest split. This is the only
    case in which new data may move a unit.
    """
    position = {unit: _position(unit, params.seed) for unit in units}
    test, dev = params.test_share, params.test_share + params.dev_share
    borders = [("test", 0.0, test), ("dev", test, dev)]
    assigned = {
        unit: next((one for one, a, b in borders if a <= at < b and one in missing), "train")
        for unit, at in position.items()
    }
    for split in ("test", "dev", "train"):
        if split == "train" or split in missing:
            (most, count), *_ = Counter(assigned.values()).most_common(1)
            if split not in assigned.values() and count > 1:
                first = min(
                    (u for u in assigned if assigned[u] == most), key=lambda unit: position[unit]
                )
                assigned[first] = split
    return assigned


def _position(unit: Trait, seed: int) -> float:
    """Hash a unit to a uniform number from 0 to 1, the same on every machine."""
    digest = hashlib.sha256(f"{seed} {' '.join(unit)}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def set_leaks_aside(by_split: dict[str, list[Utterance]], params: SplitParams) -> SplitResult:
    """Set aside utterances of train that leak into dev or test, and of dev that leak into test."""
    splits: dict[str, list[Utterance]] = {}
    aside: list[Aside] = []
    owners: dict[Trait, tuple[str, Utterance]] = {}
    for split in _BY_PRECEDENCE:
        found = {leak.utterance.id: leak for leak in leaks(by_split[split], split, owners, params)}
        aside += found.values()
        splits[split] = [one for one in by_split[split] if one.id not in found]
        for one in splits[split]:
            for trait in traits(one, params):
                owners.setdefault(trait, (split, one))
    return SplitResult({split: splits[split] for split in SPLITS}, aside)


def set_too_long_aside(result: SplitResult, tokens: TextTokens) -> SplitResult:
    """Set aside transcripts of train with too many tokens; dev and test are equal for all models.

    Raises:
        InputError: if no utterance of train remains.
    """
    train, aside = list[Utterance](), list[Aside]()
    for one in result.splits["train"]:
        if too_long(one, tokens):
            aside.append(Aside(one, "train", "too_many_tokens"))
        else:
            train.append(one)
    if not train:
        raise InputError(
            f"split: all {len(aside)} transcripts of train are longer than the model can write"
        )
    return SplitResult({**result.splits, "train": train}, [*result.aside, *aside])


def too_long(utterance: Utterance, tokens: TextTokens) -> bool:
    """Whether a transcript has more tokens than the model can write."""
    num_labels = tokens.num_labels(utterance.text, utterance.language)
    return num_labels > tokens.max_labels(utterance.duration_s)


def traits(utterance: Utterance, params: SplitParams) -> Iterator[Trait]:
    """Yield what no other split may share. Unknown speakers and sessions are never equal."""
    if "sentence" in params.disjoint:
        yield "sentence", utterance.language, unit_key(utterance.text, utterance.language)
    yield "recording", utterance.sha256
    if utterance.speaker_id is not None and "speaker" in params.disjoint:
        yield "speaker", utterance.corpus, utterance.speaker_id
    if utterance.session_id is not None and "session" in params.disjoint:
        yield "session", utterance.corpus, utterance.session_id


def leaks(
    utterances: list[Utterance],
    split: str,
    owners: dict[Trait, tuple[str, Utterance]],
    params: SplitParams,
) -> Iterator[Aside]:
    """Yield utterances that share a trait in ``owners``, or nearly share a sentence there."""
    remaining: dict[tuple[str, str], list[Utterance]] = defaultdict(list)
    for one in utterances:
        shared = next((trait for trait in traits(one, params) if trait in owners), None)
        if shared is not None:
            other_split, other = owners[shared]
            yield Aside(one, split, shared[0], other, other_split)
        else:
            remaining[one.language, unit_key(one.text, one.language)].append(one)
    if "sentence" not in params.disjoint or params.near_duplicate == 0:
        return
    others = {trait[1:]: owner for trait, owner in owners.items() if trait[0] == "sentence"}
    for language in sorted({language for language, _ in remaining}):
        keys = [key for own, key in remaining if own == language]
        among = [key for own, key in others if own == language]
        for key, near in near_pairs(keys, among, params.near_duplicate):
            other_split, other = others[language, among[near]]
            for one in remaining[language, keys[key]]:
                yield Aside(one, split, "near_duplicate", other, other_split)


def _check_given(utterances: Sequence[Utterance], params: SplitParams) -> None:
    """Raise ``InputError`` if the splits that corpora define leak into one another."""
    by_split: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
    for one in utterances:
        if (split := one.attributes.get(GIVEN)) is not None:
            if split not in SPLITS:
                raise InputError(f"{one.id}: split: expected one of {SPLITS}, got {split!r}")
            by_split[split].append(one)
    # Between corpora only train loses: a benchmark's sentence in another corpus is set aside there.
    found = set_leaks_aside(by_split, params).aside
    if within := [
        f"{leak.split} {leak.utterance.id} and {leak.other_split} {leak.other.id} share "
        f"{leak.reason} {leak.utterance.text!r:.60}"
        for leak in found
        if leak.other and leak.other.corpus == leak.utterance.corpus
    ]:
        raise InputError(
            f"split: expected no leak between the corpus's own splits, got {len(within)}, such as: "
            f"{'; '.join(within[:10])}. Fix the corpus, or set split.given: ignore to "
            "split it by hash, or remove from split.disjoint what the splits may share"
        )


# What a score no longer means if split.disjoint loses an entry, or near_duplicate is 0.
_GIVEN_UP = {
    "near_duplicate": "train and test may share sentences that differ in a word",
    "sentence": "test has sentences of train: the score is that of known sentences",
    "session": "test has rooms and microphones of train: the score is that of known ones",
    "speaker": "test has voices of train: the score is that of known speakers",
}


def _empty(result: SplitResult, utterances: Sequence[Utterance], params: SplitParams) -> list[str]:
    """Corpora with the splits that they are to fill and do not: ``be: dev``."""
    filled = {(one.corpus, split) for split in SPLITS for one in result.splits[split]}
    to_fill = sorted(splits_to_fill(utterances, params).items())
    return [f"{c}: {s}" for c, to in to_fill for s in SPLITS if s in to and (c, s) not in filled]


def _why_empty(
    empty: list[str], result: SplitResult, utterances: Sequence[Utterance], params: SplitParams
) -> str:
    """The error for empty splits; says what to give up if one entry of the params is the cause."""
    message = (
        f"split: no utterance for {', '.join(empty)}; a corpus needs at least three speakers "
        "(sentences, if speakers are unknown) that share nothing listed in split.disjoint "
        f"(utterances by corpus: {dict(Counter(one.corpus for one in utterances))}; "
        f"set aside, by reason: {dict(Counter(leak.reason for leak in result.aside))})"
    )
    for entry, lost in _GIVEN_UP.items():
        less: dict[str, Any] = {"disjoint": [one for one in params.disjoint if one != entry]}
        how = f"Without {entry} in split.disjoint"
        if entry == "near_duplicate":
            less, how = {"near_duplicate": 0.0}, "With split.near_duplicate: 0"
        fewer = params.model_copy(update=less)
        if fewer != params and not _empty(_split(utterances, fewer), utterances, fewer):
            return f"{message}. {how} no split is empty, but then {lost}"
    return message
