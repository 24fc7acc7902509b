"""Count errors of hypotheses against references, per utterance and pooled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.scoring.normalizers import Normalizers
from asr.scoring.number_signs import has_digits_or_signs
from asr.text.error_rate import ErrorCounts, char_errors, pooled, word_errors
from asr.text.scripts import LANGUAGES, Script, in_script
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance

DIGITS = 6  # decimals of rates in metrics files, so that equal runs write equal bytes


@dataclass(frozen=True, slots=True)  # slots: 100 bytes less an utterance and model
class Scored:
    """Normalized texts of an utterance, and the errors between them.

    ``blind_words`` and ``blind_chars`` are the errors after transliterating both texts to Latin, in
    a language with two scripts. In other languages they equal ``words`` and ``chars``.
    """

    utterance: Utterance
    reference: str
    hypothesis: str
    words: ErrorCounts
    chars: ErrorCounts
    blind_words: ErrorCounts
    blind_chars: ErrorCounts
    runaway: bool


def score_utterances(
    utterances: Sequence[Utterance],
    hypotheses: Mapping[str, Hypothesis],
    source: Path,
    normalizers: Normalizers,
    script: Script,
    references: Sequence[str] | None = None,
) -> list[Scored]:
    """Score every utterance.

    Args:
        utterances: the test set.
        hypotheses: by id, one for each utterance.
        source: file of the hypotheses, for error messages.
        normalizers: by language, applied to reference and hypothesis alike.
        script: script to convert references to, in a language with two.
        references: normalized already, where another model has been scored.

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
    if references is None:
        texts = (in_script(u.text, u.language, script) for u in utterances)
        references = [
            normalizers.normalize(text, u.language)
            for text, u in zip(texts, utterances, strict=True)
        ]
    return [
        _score(u, reference, hypotheses[u.id], normalizers)
        for u, reference in zip(utterances, references, strict=True)
    ]


def _score(
    utterance: Utterance, reference: str, hypothesis: Hypothesis, normalizers: Normalizers
) -> Scored:
    language = utterance.language
    decoded = normalizers.normalize(hypothesis.text, language)
    words, chars = word_errors(reference, decoded), char_errors(reference, decoded)
    blind_words, blind_chars = words, chars
    if language in LANGUAGES:
        blind = [in_script(text, language, "latin") for text in (reference, decoded)]
        blind_words, blind_chars = word_errors(*blind), char_errors(*blind)
    return Scored(
        utterance,
        reference,
        decoded,
        words,
        chars,
        blind_words,
        blind_chars,
        hypothesis.runaway,
    )


def by_group(scored: Sequence[Scored]) -> dict[str, list[Scored]]:
    """Group utterances: all as ``overall``, then ``corpus <name>`` and ``language <code>``."""
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
    """Pooled error rates and their counts, for a metrics file.

    ``num_unspelled_references`` counts references in which digits or signs stayed: the language has
    no words for them, or the normalizer spells none. A hypothesis in words differs from them.
    """
    words = pooled(one.words for one in scored)
    chars = pooled(one.chars for one in scored)
    num_runaways = sum(one.runaway for one in scored)
    blind = {}
    if any(one.utterance.language in LANGUAGES for one in scored):
        blind = {
            "wer_script_blind": rounded(pooled(one.blind_words for one in scored).rate),
            "cer_script_blind": rounded(pooled(one.blind_chars for one in scored).rate),
        }
    return {
        "wer": rounded(words.rate),
        "cer": rounded(chars.rate),
        **blind,
        "num_utterances": len(scored),
        "num_words": words.num_reference,
        "num_chars": chars.num_reference,
        "substitutions": words.substitutions,
        "deletions": words.deletions,
        "insertions": words.insertions,
        "num_runaways": num_runaways,
        "runaway_rate": rounded(num_runaways / len(scored)) if scored else None,
        "num_empty_references": len(empty_references(scored)),
        "num_unspelled_references": sum(has_digits_or_signs(one.reference) for one in scored),
    }


def empty_references(scored: Sequence[Scored]) -> list[str]:
    """Ids of utterances with an empty normalized reference: each hypothesis word is an error."""
    return [one.utterance.id for one in scored if not one.reference]


def rounded(rate: float | None) -> float | None:
    """Round a rate to ``DIGITS`` decimals."""
    return None if rate is None else round(rate, DIGITS)
