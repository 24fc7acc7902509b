"""Train, dev and test, so that nothing that is heard in one is heard in another.

**Stable.** What speaks for itself decides alone where it goes: a speaker, else a session, else a
sentence, by its own hash against the shares. So data that comes later moves nobody; the shares hold
as dice hold them, the better the more speakers there are.

**No leak.** A sentence that two speakers read may so end up in two splits, and so may a recording,
a session, or a sentence nearly the same. Then test keeps its own, dev what test doesn't have, and
what gives way is set aside: it is in no split, and is listed with its reason. To keep such groups
whole instead would mean that one new utterance, tying an old group of train to one of test, moves
one of them.

Splits that a corpus brings are kept as they are, and checked: there a leak is its author's to mend.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.core.csv_files import write_csv
from asr.core.errors import InputError
from asr.families.protocols import TextTokens
from asr.splits.near_duplicates import near_pairs
from asr.splits.params import SplitParams
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance

SPLITS = ("train", "dev", "test")
GIVEN = "split"  # the attribute in which a reader keeps the split that the corpus gave
_BY_PRECEDENCE = ("test", "dev", "train")

Trait = tuple[str, ...]


@dataclass(frozen=True)
class Aside:
    """An utterance that would have leaked, or can't be learned.

    Attributes:
        utterance: what is set aside.
        split: where it would have been.
        reason: what it shares: sentence, recording, speaker, session or near_duplicate; or
            too_many_tokens.
        other: the utterance that it shares it with; None where it shares nothing.
        other_split: where that one is.
    """

    utterance: Utterance
    split: str
    reason: str
    other: Utterance | None = None
    other_split: str = ""

    def __str__(self) -> str:
        other = f"{self.other_split} {self.other.id}" if self.other else "nothing"
        return (
            f"{self.split} {self.utterance.id} and {other} share {self.reason} "
            f"{self.utterance.text!r:.60}"
        )


@dataclass(frozen=True)
class Deal:
    """Which utterance is in which split.

    Attributes:
        splits: utterances by split, each in the order given.
        aside: those that are in none, in the order in which they gave way.
    """

    splits: dict[str, list[Utterance]]
    aside: list[Aside]


def split_utterances(utterances: Sequence[Utterance], params: SplitParams) -> Deal:
    """Deal utterances to train, dev and test.

    Raises:
        InputError: if the splits that a corpus gave leak, naming the pairs; or if a corpus is too
            small to fill each split.
    """
    if params.given == "keep":
        _check_given(utterances, params)
    homes = _homes(utterances, params)
    dealt = {split: [one for one in utterances if homes[one.id] == split] for split in SPLITS}
    deal = set_leaks_aside(dealt, params)
    _check_filled(deal, utterances)
    return deal


def _homes(utterances: Sequence[Utterance], params: SplitParams) -> dict[str, str]:
    """The split of each utterance, by its id."""
    keep = params.given == "keep"
    given = {
        one.id: one.attributes[GIVEN] for one in utterances if keep and GIVEN in one.attributes
    }
    has_given = {(one.corpus, given[one.id]) for one in utterances if one.id in given}
    homes: dict[str, str] = {}
    free: dict[tuple[str, str], dict[Trait, list[Utterance]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for one in utterances:
        home = given.get(one.id)
        if home is not None and (home != "train" or (one.corpus, "dev") in has_given):
            homes[one.id] = home
        else:
            # A corpus that gives train and test alone has its dev dealt from its train.
            stratum = one.attributes.get(params.stratify_by, "")
            free[one.corpus, stratum][_unit(one, params)].append(one)
    for (corpus, _), units in free.items():
        missing = {split for split in ("dev", "test") if (corpus, split) not in has_given}
        for unit, split in _dealt(units, missing, params).items():
            homes |= dict.fromkeys((one.id for one in units[unit]), split)
    return homes


def _unit(utterance: Utterance, params: SplitParams) -> Trait:
    """What is dealt whole, and is known of the utterance alone."""
    if utterance.speaker_id is not None and "speaker" in params.disjoint:
        return "speaker", utterance.corpus, utterance.speaker_id
    if utterance.session_id is not None and "session" in params.disjoint:
        return "session", utterance.corpus, utterance.session_id
    return "sentence", utterance.language, sentence_key(utterance.text)


def _dealt(units: Iterable[Trait], missing: set[str], params: SplitParams) -> dict[Trait, str]:
    """The split of each unit of one stratum of one corpus.

    A split that got none takes the unit first in line from where most are: the only case in which
    a unit may move when more come.
    """
    place = {unit: _place(unit, params.seed) for unit in units}
    borders = [("test", params.test_share), ("dev", params.test_share + params.dev_share)]
    homes = {
        unit: next((split for split, end in borders if at < end and split in missing), "train")
        for unit, at in place.items()
    }
    for split in ("test", "dev", "train"):
        if split == "train" or split in missing:
            (most, count), *_ = Counter(homes.values()).most_common(1)
            if split not in homes.values() and count > 1:
                first = min((u for u in homes if homes[u] == most), key=lambda unit: place[unit])
                homes[first] = split
    return homes


def _place(unit: Trait, seed: int) -> float:
    """From 0 to 1, at random, and forever the same."""
    digest = hashlib.sha256(f"{seed} {' '.join(unit)}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def set_leaks_aside(dealt: dict[str, list[Utterance]], params: SplitParams) -> Deal:
    """Take out of train what dev or test has, and out of dev what test has."""
    splits: dict[str, list[Utterance]] = {}
    aside: list[Aside] = []
    homes: dict[Trait, tuple[str, Utterance]] = {}
    for split in _BY_PRECEDENCE:
        leaks = {leak.utterance.id: leak for leak in _leaks(dealt[split], split, homes, params)}
        aside += leaks.values()
        splits[split] = [one for one in dealt[split] if one.id not in leaks]
        for one in splits[split]:
            for trait in traits(one, params):
                homes.setdefault(trait, (split, one))
    return Deal({split: splits[split] for split in SPLITS}, aside)


def set_too_long_aside(deal: Deal, tokens: TextTokens) -> Deal:
    """Take out of train what the model can't learn to write; test stays the same for all models.

    Raises:
        InputError: if nothing is left of train.
    """
    train: list[Utterance] = []
    aside: list[Aside] = []
    for one in deal.splits["train"]:
        if tokens.num_labels(one.text, one.language) <= tokens.max_labels(one.duration_s):
            train.append(one)
        else:
            aside.append(Aside(one, "train", "too_many_tokens"))
    if not train:
        raise InputError(
            f"split: all {len(aside)} transcripts of train are longer than the model can write"
        )
    return Deal({**deal.splits, "train": train}, [*deal.aside, *aside])


def traits(utterance: Utterance, params: SplitParams) -> Iterator[Trait]:
    """What no other split may have. An unknown speaker is nobody's namesake."""
    if "sentence" in params.disjoint:
        yield "sentence", utterance.language, sentence_key(utterance.text)
    yield "recording", utterance.sha256
    if utterance.speaker_id is not None and "speaker" in params.disjoint:
        yield "speaker", utterance.corpus, utterance.speaker_id
    if utterance.session_id is not None and "session" in params.disjoint:
        yield "session", utterance.corpus, utterance.session_id


def _leaks(
    utterances: list[Utterance],
    split: str,
    homes: dict[Trait, tuple[str, Utterance]],
    params: SplitParams,
) -> Iterator[Aside]:
    """Those of ``utterances`` that share something with a split whose traits are in ``homes``."""
    untold: dict[tuple[str, str], list[Utterance]] = defaultdict(list)
    for one in utterances:
        shared = next((trait for trait in traits(one, params) if trait in homes), None)
        if shared is not None:
            home, other = homes[shared]
            yield Aside(one, split, shared[0], other, home)
        else:
            untold[one.language, sentence_key(one.text)].append(one)
    if "sentence" not in params.disjoint or params.near_duplicate == 0:
        return
    others = {trait[1:]: home for trait, home in homes.items() if trait[0] == "sentence"}
    for language in sorted({language for language, _ in untold}):
        keys = [key for tongue, key in untold if tongue == language]
        among = [key for tongue, key in others if tongue == language]
        for key, near in near_pairs(keys, among, params.near_duplicate):
            home, other = others[language, among[near]]
            for one in untold[language, keys[key]]:
                yield Aside(one, split, "near_duplicate", other, home)


def _check_given(utterances: Sequence[Utterance], params: SplitParams) -> None:
    """The splits that corpora brought must not leak among themselves."""
    dealt: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
    for one in utterances:
        if (split := one.attributes.get(GIVEN)) is not None:
            if split not in SPLITS:
                raise InputError(f"{one.id}: split: expected one of {SPLITS}, got {split!r}")
            dealt[split].append(one)
    if leaks := set_leaks_aside(dealt, params).aside:
        raise InputError(
            f"split: {len(leaks)} leaks in the splits that the corpus gives, for instance: "
            f"{'; '.join(map(str, leaks[:10]))}. Mend the corpus, or deal it anew with "
            "split.given: ignore, or name what may be shared by leaving it out of split.disjoint"
        )


def _check_filled(deal: Deal, utterances: Sequence[Utterance]) -> None:
    sizes = Counter(one.corpus for one in utterances)
    filled = {(one.corpus, split) for split in SPLITS for one in deal.splits[split]}
    empty = [f"{c}: {split}" for c in sorted(sizes) for split in SPLITS if (c, split) not in filled]
    if empty:
        gave_way = Counter(leak.reason for leak in deal.aside)
        raise InputError(
            f"split: no utterance for {', '.join(empty)}; a corpus needs at least three speakers, "
            "or sentences where no speaker is known, that share nothing that split.disjoint names "
            f"(utterances by corpus: {dict(sizes)}; set aside for sharing: {dict(gave_way)})"
        )


def write_aside(path: Path, aside: Sequence[Aside]) -> None:
    """Write a CSV of what is set aside, and why, to look at."""
    columns = ("id", "split", "text", "shared", "other", "other_split", "other_text")
    rows = []
    for leak in aside:
        one, other = leak.utterance, leak.other
        others = (other.id, leak.other_split, other.text) if other else ("", "", "")
        rows.append((one.id, leak.split, one.text, leak.reason, *others))
    write_csv(path, columns, rows)
