"""What a language model changed in the hypotheses of a test set: words gained and lost.

A word is gained if only the hypothesis with the language model has it right, where the alignment
with the reference puts it; it is lost if only the one without has it right.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from asr.core.errors import InputError
from asr.scoring.normalizers import Normalizers
from asr.scoring.score import Scored, rounded
from asr.text.edits import word_edits
from asr.text.error_rate import pooled, word_errors

NUM_EXAMPLES = 20


def effect(
    scored: Sequence[Scored], changes: Mapping[str, Any], normalizers: Normalizers
) -> dict[str, Any]:
    """Compare the hypotheses with those that the search alone would have chosen.

    Args:
        scored: the test set, with the language model.
        changes: what the stage transcribe wrote beside the hypotheses.
        normalizers: of the score.

    Returns:
        By language: weights, WER without and with, words gained and lost; and the utterances in
        which most words were gained or lost.

    Raises:
        InputError: if a change is of no utterance of the test set.
    """
    before = {one["id"]: one["without"] for one in changes["changed"]}
    if unknown := sorted(before.keys() - {one.utterance.id for one in scored}):
        raise InputError(f"{unknown[0]!r}: changed by the language model, but not in the test set")
    languages, examples = {}, []
    for language, tuned in changes["languages"].items():
        own = [one for one in scored if one.utterance.language == language]
        without = [_without(one, before, normalizers) for one in own]
        rows = [_example(a, b) for a, b in zip(without, own, strict=True)
                if a.hypothesis != b.hypothesis]  # fmt: skip
        languages[language] = {
            **tuned,
            "wer_without": rounded(pooled(one.words for one in without).rate),
            "wer_with": rounded(pooled(one.words for one in own).rate),
            "num_changed": len(rows),
            "words_gained": sum(len(row["gained"]) for row in rows),
            "words_lost": sum(len(row["lost"]) for row in rows),
        }
        examples += rows
    examples.sort(key=lambda row: (-len(row["gained"]) - len(row["lost"]), row["id"]))
    return {"languages": languages, "examples": examples[:NUM_EXAMPLES]}


def _without(one: Scored, before: Mapping[str, str], normalizers: Normalizers) -> Scored:
    if one.utterance.id not in before:
        return one
    text = normalizers.normalize(before[one.utterance.id], one.utterance.language)
    return replace(one, hypothesis=text, words=word_errors(one.reference, text))


def _example(without: Scored, found: Scored) -> dict[str, Any]:
    right_before, right = (_right_words(one) for one in (without, found))
    return {
        "id": found.utterance.id,
        "reference": found.reference,
        "without": without.hypothesis,
        "with": found.hypothesis,
        "gained": sorted((right - right_before).elements()),
        "lost": sorted((right_before - right).elements()),
    }


def _right_words(one: Scored) -> Counter[str]:
    edits = word_edits(one.reference, one.hypothesis)
    return Counter(one.reference.split()) - Counter(edit.reference for edit in edits)
