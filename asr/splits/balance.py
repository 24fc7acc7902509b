"""Count what each split contains and recommend changes where the splits are uneven.

A test set without an accent or age group can't measure it. A model that learns half of train from
one speaker learns the voice instead of the language.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from asr.splits.given import GIVEN, SPLITS
from asr.splits.params import SplitParams
from asr.splits.split import SplitResult
from asr.utterances.utterance import Utterance

MAX_SPEAKER_SHARE = 0.25  # fraction of a split's seconds
MIN_TEST_CLIPS = 100  # with fewer, a 95 % interval of WER is as wide as most improvements
MIN_TEST_SPEAKERS = 10
MAX_ASIDE_SHARE = 0.05  # fraction of all utterances
MAX_DIFFERENCE = 0.5  # relative difference of a group's count in test from the expected count
MAX_VALUES = 30  # of an attribute; with more values it identifies clips, not groups


def balance(result: SplitResult, params: SplitParams) -> dict[str, Any]:
    """Return counts by split, corpus, language and attribute, and recommendations, for JSON."""
    return {
        "splits": {split: _counts(utterances) for split, utterances in result.splits.items()},
        "aside": dict(sorted(Counter(leak.reason for leak in result.aside).items())),
        "recommendations": list(_recommendations(result, params)),
    }


def _counts(utterances: Sequence[Utterance]) -> dict[str, Any]:
    return {
        "num_utterances": len(utterances),
        "seconds": round(sum(one.duration_s for one in utterances), 2),
        "num_speakers": len(_speakers(utterances)),
        "num_without_speaker": sum(one.speaker_id is None for one in utterances),
        "num_utterances_by": {
            column: dict(sorted(Counter(values).items()))
            for column, values in _columns(utterances).items()
        },
    }


def _speakers(utterances: Sequence[Utterance]) -> dict[tuple[str, str], list[Utterance]]:
    """Utterances by corpus and speaker; two corpora may use the same id for two people."""
    speakers: dict[tuple[str, str], list[Utterance]] = defaultdict(list)
    for one in utterances:
        if one.speaker_id is not None:
            speakers[one.corpus, one.speaker_id].append(one)
    return speakers


def _columns(utterances: Sequence[Utterance]) -> dict[str, list[str]]:
    """Values by grouping column: corpus, language, attributes with at most MAX_VALUES values."""
    columns: dict[str, list[str]] = defaultdict(list)
    for one in utterances:
        columns["corpus"].append(one.corpus)
        columns["language"].append(one.language)
        for name, value in one.attributes.items():
            if name not in (GIVEN, "corpus", "language"):
                columns[name].append(value)
    return {name: values for name, values in columns.items() if len(set(values)) <= MAX_VALUES}


def _recommendations(result: SplitResult, params: SplitParams) -> Iterator[str]:
    utterances = [one for split in SPLITS for one in result.splits[split]]
    test = result.splits["test"]
    if len(test) < MIN_TEST_CLIPS:
        yield (
            f"test has {len(test)} utterances, fewer than {MIN_TEST_CLIPS}: its intervals will "
            f"be wide; raise split.test_share from {params.test_share:g} or record more"
        )
    speakers = _speakers(test)
    if speakers and len(speakers) < MIN_TEST_SPEAKERS:
        yield (
            f"test has {len(speakers)} speakers, fewer than {MIN_TEST_SPEAKERS}: it says how "
            "well they are understood, not how well people are"
        )
    if utterances and all(one.speaker_id is None for one in utterances):
        yield (
            "no utterance names its speaker, so the same voices may be in train and test: the "
            "scores hold for these voices; give speaker_id if it is known"
        )
    yield from _dominant_speakers(result)
    yield from _uneven_groups(utterances, test)
    num_all = len(utterances) + len(result.aside)
    num_leaks = sum(leak.other is not None for leak in result.aside)
    if num_leaks > MAX_ASIDE_SHARE * num_all:
        yield (
            f"{num_leaks} of {num_all} utterances are set aside since they would leak; where "
            "many speakers read the same sentences, leave sentence out of split.disjoint and know "
            "that test then measures new voices, not new sentences"
        )


def _dominant_speakers(result: SplitResult) -> Iterator[str]:
    for split, utterances in result.splits.items():
        all_s = sum(one.duration_s for one in utterances)
        for (corpus, speaker), own in sorted(_speakers(utterances).items()):
            share = sum(one.duration_s for one in own) / all_s
            if share > MAX_SPEAKER_SHARE:
                yield f"speaker {speaker} of {corpus} speaks {share:.0%} of {split}: record others"


def _uneven_groups(utterances: list[Utterance], test: list[Utterance]) -> Iterator[str]:
    """Yield a warning for each value whose share of test differs much from its overall share."""
    in_test = _columns(test)
    for column, values in _columns(utterances).items():
        if len(set(values)) < 2:
            continue
        counts, test_counts = Counter(values), Counter(in_test.get(column, []))
        for value, count in sorted(counts.items()):
            expected = count / len(values) * sum(test_counts.values())
            if abs(test_counts[value] - expected) > max(3.0, MAX_DIFFERENCE * expected):
                yield (
                    f"{column} {value}: {test_counts[value]} utterances of test, {expected:.0f} "
                    f"expected from its share of the data; set split.stratify_by: {column}, or "
                    "record more of it"
                )
