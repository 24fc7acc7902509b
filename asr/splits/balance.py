"""How even the splits are, and what to do where they are not.

A test set that lacks an accent or an age says nothing about it, and a speaker who fills half of
train teaches the model a voice rather than a language.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from asr.splits.params import SplitParams
from asr.splits.split import SPLITS, Deal
from asr.utterances.utterance import Utterance

MOST_OF_ONE_SPEAKER = 0.25  # of a split's seconds
FEWEST_TEST_CLIPS = 100  # with fewer, a 95 % interval of WER is as wide as most improvements
FEWEST_TEST_SPEAKERS = 10
MOST_SET_ASIDE = 0.05  # of all utterances
MOST_OFF_SHARE = 0.5  # of a group's share of test, compared with its share of everything
MOST_VALUES = 30  # of an attribute; one with more tells clips apart rather than groups


def balance(deal: Deal, params: SplitParams) -> dict[str, Any]:
    """Counts by corpus, language, speaker and attribute, and recommendations."""
    return {
        "splits": {split: _counts(dealt) for split, dealt in deal.splits.items()},
        "aside": dict(sorted(Counter(leak.reason for leak in deal.aside).items())),
        "recommendations": list(_recommendations(deal, params)),
    }


def _counts(utterances: Sequence[Utterance]) -> dict[str, Any]:
    speakers = {(one.corpus, one.speaker_id) for one in utterances if one.speaker_id is not None}
    return {
        "num_utterances": len(utterances),
        "seconds": round(sum(one.duration_s for one in utterances), 2),
        "num_speakers": len(speakers),
        "num_without_speaker": sum(one.speaker_id is None for one in utterances),
        "num_utterances_by": {
            column: dict(sorted(Counter(values).items()))
            for column, values in _columns(utterances).items()
        },
    }


def _columns(utterances: Sequence[Utterance]) -> dict[str, list[str]]:
    """The values of what groups utterances: corpus, language, and attributes of few values."""
    columns: dict[str, list[str]] = defaultdict(list)
    for one in utterances:
        columns["corpus"].append(one.corpus)
        columns["language"].append(one.language)
        for name, value in one.attributes.items():
            columns[name].append(value)
    return {name: values for name, values in columns.items() if len(set(values)) <= MOST_VALUES}


def _recommendations(deal: Deal, params: SplitParams) -> Iterator[str]:
    everyone = [one for split in SPLITS for one in deal.splits[split]]
    test = deal.splits["test"]
    if len(test) < FEWEST_TEST_CLIPS:
        yield (
            f"test has {len(test)} utterances, fewer than {FEWEST_TEST_CLIPS}: its intervals will "
            f"be wide; raise split.test_share from {params.test_share:g} or record more"
        )
    speakers = Counter(one.speaker_id for one in test if one.speaker_id is not None)
    if speakers and len(speakers) < FEWEST_TEST_SPEAKERS:
        yield (
            f"test has {len(speakers)} speakers, fewer than {FEWEST_TEST_SPEAKERS}: it says how "
            "well they are understood, not how well people are"
        )
    if everyone and all(one.speaker_id is None for one in everyone):
        yield (
            "no utterance names its speaker, so the same voices may be in train and test: the "
            "scores hold for these voices; give speaker_id if it is known"
        )
    yield from _loud_speakers(deal)
    yield from _uneven_groups(everyone, test)
    num_all = len(everyone) + len(deal.aside)
    num_leaks = sum(leak.other is not None for leak in deal.aside)
    if num_leaks > MOST_SET_ASIDE * num_all:
        yield (
            f"{num_leaks} of {num_all} utterances are set aside since they would leak; where "
            "many speakers read the same sentences, leave sentence out of split.disjoint and know "
            "that test then measures new voices, not new sentences"
        )


def _loud_speakers(deal: Deal) -> Iterator[str]:
    for split, utterances in deal.splits.items():
        seconds: Counter[str] = Counter()
        for one in utterances:
            seconds[one.speaker_id or ""] += one.duration_s  # type: ignore[assignment]
        known = {speaker: s for speaker, s in seconds.items() if speaker}
        for speaker, own in sorted(known.items()):
            share = own / sum(seconds.values())
            if share > MOST_OF_ONE_SPEAKER:
                yield f"speaker {speaker} speaks {share:.0%} of {split}: record others"


def _uneven_groups(everyone: list[Utterance], test: list[Utterance]) -> Iterator[str]:
    """Values that test has far more or less of than the data as a whole."""
    in_test = _columns(test)
    for column, values in _columns(everyone).items():
        if len(set(values)) < 2:
            continue
        counts, test_counts = Counter(values), Counter(in_test.get(column, []))
        for value, count in sorted(counts.items()):
            expected = count / len(values) * sum(test_counts.values())
            if abs(test_counts[value] - expected) > max(3.0, MOST_OFF_SHARE * expected):
                yield (
                    f"{column} {value}: {test_counts[value]} utterances of test, {expected:.0f} "
                    f"expected from its share of the data; set split.stratify_by: {column}, or "
                    "record more of it"
                )
