"""From references and hypotheses to error counts, utterance by utterance and pooled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.error_rate import ErrorCounts, char_errors, pooled, word_errors
from asr.errors import InputError
from asr.hypothesis import Hypothesis
from asr.text import Normalizer
from asr.utterance import Utterance

DIGITS = 6  # of rates in metrics: the same bytes for the same run


@dataclass(frozen=True)
class Scored:
    """One utterance's texts, normalized, and the errors between them."""

    utterance: Utterance
    reference: str
    hypothesis: str
    words: ErrorCounts
    chars: ErrorCounts
    runaway: bool


def score_utterances(
    utterances: Sequence[Utterance],
    hypotheses: Mapping[str, Hypothesis],
    source: Path,
    normalizer: Normalizer,
) -> list[Scored]:
    """Score every utterance; ``source`` is the hypotheses' file, for messages.

    Raises:
        InputError: if an utterance has no hypothesis, or a hypothesis no utterance.
    """
    if missing := [u.id for u in utterances if u.id not in hypotheses]:
        # A skipped utterance would flatter the error rate.
        raise InputError(
            f"{source}: no hypothesis for {len(missing)} of {len(utterances)} utterances, "
            f"first {missing[0]!r}"
        )
    if unknown := sorted(hypotheses.keys() - {u.id for u in utterances}):
        raise InputError(
            f"{source}: {len(unknown)} hypotheses for no utterance of the test set, "
            f"first {unknown[0]!r}"
        )
    return [_score(u, hypotheses[u.id], normalizer) for u in utterances]


def _score(utterance: Utterance, hypothesis: Hypothesis, normalizer: Normalizer) -> Scored:
    reference = normalizer.normalize(utterance.text, utterance.language)
    heard = normalizer.normalize(hypothesis.text, utterance.language)
    return Scored(
        utterance,
        reference,
        heard,
        word_errors(reference, heard),
        char_errors(reference, heard),
        hypothesis.runaway,
    )


def by_group(scored: Sequence[Scored]) -> dict[str, list[Scored]]:
    """All utterances as ``overall``, and those of each corpus and language."""
    groups: dict[str, list[Scored]] = {"overall": list(scored)}
    keys: list[tuple[str, Callable[[Utterance], str]]] = [
        ("corpus", lambda u: u.corpus),
        ("language", lambda u: u.language),
    ]
    for kind, key in keys:
        for name in sorted({key(one.utterance) for one in scored}):
            groups[f"{kind} {name}"] = [one for one in scored if key(one.utterance) == name]
    return groups


def summary(scored: Sequence[Scored]) -> dict[str, Any]:
    """Pooled rates and the counts behind them, for a metrics file."""
    words = pooled(one.words for one in scored)
    chars = pooled(one.chars for one in scored)
    num_runaways = sum(one.runaway for one in scored)
    return {
        "wer": rounded(words.rate),
        "cer": rounded(chars.rate),
        "num_utterances": len(scored),
        "num_words": words.num_reference,
        "num_chars": chars.num_reference,
        "substitutions": words.substitutions,
        "deletions": words.deletions,
        "insertions": words.insertions,
        "num_runaways": num_runaways,
        "runaway_rate": rounded(num_runaways / len(scored)) if scored else None,
        "num_empty_references": sum(not one.reference for one in scored),
    }


def rounded(rate: float | None) -> float | None:
    """A rate as metrics files hold it."""
    return None if rate is None else round(rate, DIGITS)
