"""Train, dev and test, so that nothing that is heard in one is heard in another.

Utterances that share a sentence, a recording, a speaker or a session are one group, and a group is
dealt whole. Half of the starter corpus's defects are of this kind: 771 sentences in 912 clips.

The deal is stable: groups line up by a hash that depends on the seed and one member alone, so new
data slips in between old and moves only what lies at a border. Adding a tenth moves about 1 in 100.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

from asr.errors import InputError
from asr.schemas.split import Params
from asr.sentence import sentence_key
from asr.utterance import Utterance

SPLITS = ("train", "dev", "test")

Group = list[Utterance]
Deal = dict[str, list[Utterance]]  # by split


def split_utterances(utterances: Sequence[Utterance], params: Params, seed: int) -> Deal:
    """Deal utterances to train, dev and test, each in the order given.

    Each corpus gets its shares as nearly as whole groups allow, and at least one group everywhere.

    Raises:
        InputError: if a corpus has too few groups for that.
    """
    groups = sorted(group_utterances(utterances), key=lambda group: _position(group, seed))
    sizes = Counter(utterance.corpus for utterance in utterances)
    dealt: dict[str, list[Group]] = {}
    for split, share in (("test", params.test_share), ("dev", params.dev_share)):
        wanted = {corpus: max(1, round(share * size)) for corpus, size in sizes.items()}
        dealt[split], groups = _take(groups, wanted)
    dealt["train"] = groups
    split_of = {one.id: split for split in SPLITS for group in dealt[split] for one in group}
    deal = {split: [one for one in utterances if split_of[one.id] == split] for split in SPLITS}
    _check_filled(deal, sizes)
    check_no_leak(deal)
    return deal


def group_utterances(utterances: Sequence[Utterance]) -> list[Group]:
    """The smallest groups of which no two share anything."""
    parents = list(range(len(utterances)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]  # keeps the paths short
            index = parents[index]
        return index

    first_with: dict[Hashable, int] = {}
    for index, utterance in enumerate(utterances):
        for trait in _traits(utterance):
            parents[root(index)] = root(first_with.setdefault(trait, index))
    groups: dict[int, Group] = defaultdict(list)
    for index, utterance in enumerate(utterances):
        groups[root(index)].append(utterance)
    return list(groups.values())


def _traits(utterance: Utterance) -> Iterator[tuple[str, ...]]:
    """What no other split may have. An unknown speaker is nobody's namesake."""
    yield "sentence", utterance.language, sentence_key(utterance.text)
    yield "recording", utterance.sha256
    if utterance.speaker_id is not None:
        yield "speaker", utterance.corpus, utterance.speaker_id
    if utterance.session_id is not None:
        yield "session", utterance.corpus, utterance.session_id


def _position(group: Group, seed: int) -> str:
    """Where a group stands in line.

    The member with the smallest hash names the group, so a new member rarely renames it; a second
    hash places it, since the smallest of many hashes would put large groups first.
    """
    name = min(_hash(utterance.id) for utterance in group)
    return _hash(f"{seed} {name}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _take(groups: list[Group], wanted: dict[str, int]) -> tuple[list[Group], list[Group]]:
    """Take groups in line as long as they bring the corpora nearer to what they want.

    Args:
        groups: in line.
        wanted: utterances, by corpus.

    Returns:
        The groups taken and those left, both in line.
    """
    missing = dict(wanted)
    taken: set[int] = set()

    def take(index: int) -> None:
        taken.add(index)
        for utterance in groups[index]:
            missing[utterance.corpus] -= 1

    for index, group in enumerate(groups):
        sizes = Counter(utterance.corpus for utterance in group)
        if sum(abs(missing[c]) - abs(missing[c] - size) for c, size in sizes.items()) > 0:
            take(index)
    for corpus in sorted(wanted):
        # All of its groups were larger than twice its share: the smallest must do.
        if missing[corpus] == wanted[corpus]:
            having = [i for i, group in enumerate(groups) if any(u.corpus == corpus for u in group)]
            if having:
                take(min(having, key=lambda i: (len(groups[i]), i)))
    left = [group for index, group in enumerate(groups) if index not in taken]
    return [group for index, group in enumerate(groups) if index in taken], left


def _check_filled(deal: Deal, sizes: Counter[str]) -> None:
    filled = {(one.corpus, split) for split in SPLITS for one in deal[split]}
    empty = [f"{c}: {split}" for c in sorted(sizes) for split in SPLITS if (c, split) not in filled]
    if empty:
        raise InputError(
            f"split: no utterance for {', '.join(empty)}; a corpus needs at least three groups "
            "that share no sentence, recording, speaker or session "
            f"(utterances by corpus: {dict(sizes)})"
        )


def check_no_leak(deal: Deal) -> None:
    """Check that no sentence, recording, speaker or session is in two splits.

    Raises:
        InputError: naming the pairs of utterances and what they share, the first ten.
    """
    first_with: dict[Hashable, tuple[str, Utterance]] = {}
    leaks = []
    for split, utterances in deal.items():
        for utterance in utterances:
            for trait in _traits(utterance):
                other_split, other = first_with.setdefault(trait, (split, utterance))
                if other_split != split:
                    leaks.append(
                        f"{other_split} {other.id} and {split} {utterance.id} "
                        f"share {trait[0]} {trait[-1]!r}"
                    )
    if leaks:
        raise InputError(f"split: {len(leaks)} leaks: " + "; ".join(leaks[:10]))
