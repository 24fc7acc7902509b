"""Slices: the scores of parts of the test set, such as short clips, one speaker, noisy audio.

Every utterance is in one slice of each kind. An utterance without the speaker or the attribute is
in the slice ``unknown`` of that kind; a kind that no utterance has is left out.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import inf, isfinite
from typing import Any

from asr.core.errors import InputError
from asr.scoring.params import ScoreParams
from asr.scoring.rates import rates
from asr.scoring.score import Scored

UNKNOWN = "unknown"
OTHER = "other"
MOST_VALUES = 100  # slices of a kind, the largest; the others, such as rare speakers, are one

# Lower bounds of the buckets.
DURATION_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
# Of the reference, pauses included. Read speech has 10 to 15; of the starter corpus, half the clips
# have less than 10. Letters, because words are longer in some languages than in others.
LETTERS_PER_S = (0.0, 5.0, 10.0, 15.0, 20.0)
SNR_DB = (-inf, 5.0, 10.0, 15.0, 20.0, 30.0)  # 30: a studio; 15: a phone outdoors; 5: a party
SNR = "snr_db"

Value = Callable[[Scored], str]


def score_slices(
    scored: Sequence[Scored], params: ScoreParams, seed: int, *, further: bool = False
) -> list[dict[str, Any]]:
    """Score the slices of every kind.

    Args:
        scored: the test set.
        params: section ``score``; ``slices`` names attributes, each a kind of slices.
        seed: of the bootstrap.
        further: whether this is one of ``test_sets``, which need not have these attributes.

    Returns:
        Of each slice its ``kind``, its ``value`` and what ``rates`` returns.

    Raises:
        InputError: if no utterance of the split ``test`` has an attribute that params name.
    """
    rows = []
    known = {name for one in scored for name in one.utterance.attributes}
    if scored and not further and (unknown := [one for one in params.slices if one not in known]):
        raise InputError(
            f"score.slices: no utterance of the test set has the attribute {unknown[0]!r}; "
            f"there are {sorted(known)}"
        )
    for kind, value in _kinds(params.slices):
        members: dict[str, list[Scored]] = defaultdict(list)
        for one, name in zip(scored, _few_values([value(one) for one in scored]), strict=True):
            members[name].append(one)
        if members.keys() == {UNKNOWN}:
            continue
        for name in sorted(members, key=_in_order):
            group = members[name]
            found = rates(
                [one.utterance for one in group],
                [one.words for one in group],
                [one.chars for one in group],
                params,
                seed,
            )
            rows.append({"kind": kind, "value": name, **found})
    return rows


def worst_slice(slices: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The slice with the highest WER of those with enough blocks for an interval.

    None if there is none. A slice that is the whole test set is no part of it. Beside its rates it
    has ``num_slices``: the more there are, the worse the worst one looks by chance.
    """
    sizes = Counter[str]()
    for one in slices:
        sizes[one["kind"]] += one["num_utterances"]
    parts = [
        one
        for one in slices
        if one["wer_interval"] is not None and one["num_utterances"] < sizes[one["kind"]]
    ]
    worst = max(parts, key=lambda one: one["wer"], default=None)
    return worst and {**worst, "num_slices": len(parts)}


def bucket(number: float, bounds: Sequence[float], unit: str) -> str:
    """Name of the bucket that a number is in, such as ``2 – 4 s``; ``bounds`` are lower bounds."""
    for low, high in pairwise([*bounds, inf]):
        if low <= number < high:
            if high == inf:
                return f"{low:g} {unit} and more"
            return f"below {high:g} {unit}" if low == -inf else f"{low:g} – {high:g} {unit}"
    raise ValueError(f"expected a number from {bounds[0]} on, got {number}")


def _kinds(attributes: Sequence[str]) -> Iterator[tuple[str, Value]]:
    yield "corpus", lambda one: one.utterance.corpus
    yield "language", lambda one: one.utterance.language
    yield "speaker", _speaker
    yield "duration", lambda one: bucket(one.utterance.duration_s, DURATION_S, "s")
    yield "speaking rate", _speaking_rate
    yield "signal to noise", _signal_to_noise
    for name in attributes:
        yield name, lambda one, name=name: one.utterance.attributes.get(name, UNKNOWN)  # type: ignore[misc]


def _speaker(one: Scored) -> str:
    speaker = one.utterance.speaker_id
    return UNKNOWN if speaker is None else f"{one.utterance.corpus}/{speaker}"


def _speaking_rate(one: Scored) -> str:
    letters = sum(letter.isalpha() for letter in one.utterance.text)
    return bucket(letters / one.utterance.duration_s, LETTERS_PER_S, "letters/s")


def _signal_to_noise(one: Scored) -> str:
    try:
        number = float(one.utterance.attributes.get(SNR, ""))
    except ValueError:  # none, or one of a source that writes words
        return UNKNOWN
    return bucket(number, SNR_DB, "dB") if isfinite(number) else UNKNOWN


def _few_values(values: Sequence[str]) -> list[str]:
    """Keep the most frequent values, of equally many the first by name; others are ``other``."""
    counts = Counter(values)
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    if len(ranked) <= MOST_VALUES:
        return list(values)
    kept = {UNKNOWN, *ranked[: MOST_VALUES - 1]}
    return [value if value in kept else OTHER for value in values]


def _in_order(name: str) -> tuple[bool, bool, float, str]:
    """Buckets by number, other values by name, at the end what is unknown."""
    first = name.removeprefix("below ").split(" ")[0]
    try:
        number = -inf if name.startswith("below ") else float(first)
    except ValueError:
        number = inf
    return name in (UNKNOWN, OTHER), number == inf, number, name
