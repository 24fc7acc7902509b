"""Views of one score: the same hypotheses, counted after other normalizations of both sides.

- ``profile``: by the normalizers of ``score.normalizers``. This is the score.
- ``raw``: as written; case and punctuation count.
- ``script_blind``: the profile, then Latin letters, in the languages with two scripts.
- ``diacritic_blind``: the profile, then without diacritics: «й» equals «и», «č» equals «c».
- ``open_asr``: as the Open ASR Leaderboard counts, for comparison with published figures.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from asr.scoring import open_asr
from asr.scoring.normalizers import Normalizers, verbatim
from asr.scoring.params import ScoreParams
from asr.scoring.rates import rates
from asr.scoring.score import Scored
from asr.text.error_rate import ErrorCounts, char_errors, word_errors
from asr.text.scripts import LANGUAGES, in_script
from asr.utterances.hypothesis import Hypothesis

Texts = tuple[str, str]  # reference and hypothesis
_UNICODE = f"unicode-{unicodedata.unidata_version}"
# A line through a letter is no mark of its own in Unicode; nor is the dot that «ı» lacks.
_LINES = str.maketrans("đħłøŧı", "dhloti")


@dataclass(frozen=True)
class View:
    """How a view normalizes and counts.

    Attributes:
        normalizer: the normalizer's id, from language and the id of the profile.
        texts: both texts normalized, from an utterance's score and its raw hypothesis.
        word_errors: counts the errors between two such texts in a language.
    """

    normalizer: Callable[[str, str], str]
    texts: Callable[[Scored, str], Texts]
    word_errors: Callable[[str, str, str], ErrorCounts]


def score_views(
    scored: Sequence[Scored],
    hypotheses: Mapping[str, Hypothesis],
    normalizers: Normalizers,
    params: ScoreParams,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Score the test set in every view.

    Args:
        scored: the test set.
        hypotheses: by id, one for each utterance.
        normalizers: of the profile.
        params: section ``score``.
        seed: of the bootstrap.

    Returns:
        By view: the normalizers by language, what ``rates`` returns, and how many references and
        hypotheses became empty. Each word of a hypothesis whose reference is empty is an error.
    """
    profiles = normalizers.ids(one.utterance.language for one in scored)
    utterances = [one.utterance for one in scored]
    found = {}
    for name, view in VIEWS.items():
        words, chars, empty = [], [], []
        for one in scored:  # one by one, so that no view has all texts in memory
            reference, hypothesis = view.texts(one, hypotheses[one.utterance.id].text)
            counts = _counts(view, one, (reference, hypothesis))
            words.append(counts[0])
            chars.append(counts[1])
            empty.append((not reference, not hypothesis))
        found[name] = {
            "normalizers": {code: view.normalizer(code, own) for code, own in profiles.items()},
            **rates(utterances, words, chars, params, seed),
            "num_empty_references": sum(reference for reference, _ in empty),
            "num_empty_hypotheses": sum(hypothesis for _, hypothesis in empty),
        }
    return found


def without_diacritics(text: str) -> str:
    """Remove the marks of Latin, Greek, Cyrillic, Hebrew, Arabic and Syriac letters.

    Vowel signs of India and South-East Asia stay, as do the marks of Japanese letters: they have
    other combining classes in Unicode (10 to 36 and from 200 on are the ones removed).
    """
    parted = unicodedata.normalize("NFD", text.translate(_LINES))
    kept = "".join(map(_unless_diacritic, parted))
    return " ".join(unicodedata.normalize("NFC", kept).split())


@cache
def _unless_diacritic(character: str) -> str:
    place = unicodedata.combining(character)
    return "" if 10 <= place <= 36 or place >= 200 else character


def _counts(view: View, one: Scored, texts: Texts) -> tuple[ErrorCounts, ErrorCounts]:
    """Word and character errors; texts equal to those of the profile are not aligned again."""
    plain = view.word_errors is _word_errors
    if plain and texts == (one.reference, one.hypothesis):
        return one.words, one.chars
    language = one.utterance.language
    return view.word_errors(*texts, language), char_errors(*texts)


def _word_errors(reference: str, hypothesis: str, language: str) -> ErrorCounts:
    del language
    return word_errors(reference, hypothesis)


def _raw(one: Scored, hypothesis: str) -> Texts:
    language = one.utterance.language
    return (
        verbatim.normalize(one.utterance.text, language),
        verbatim.normalize(hypothesis, language),
    )


def _in_latin(one: Scored, hypothesis: str) -> Texts:
    language = one.utterance.language
    return (
        in_script(one.reference, language, "latin"),
        in_script(one.hypothesis, language, "latin"),
    )


def _latin_id(language: str, profile: str) -> str:
    return f"{profile}/cyrtranslit-{version('cyrtranslit')}" if language in LANGUAGES else profile


def _leaderboard(one: Scored, hypothesis: str) -> Texts:
    language = one.utterance.language
    return (
        open_asr.normalize(one.utterance.text, language),
        open_asr.normalize(hypothesis, language),
    )


VIEWS = {
    "profile": View(
        lambda language, profile: profile,
        lambda one, hypothesis: (one.reference, one.hypothesis),
        _word_errors,
    ),
    "raw": View(lambda language, profile: verbatim.ID, _raw, _word_errors),
    "script_blind": View(_latin_id, _in_latin, _word_errors),
    "diacritic_blind": View(
        lambda language, profile: f"{profile}/without-diacritics-1/{_UNICODE}",
        lambda one, hypothesis: (
            without_diacritics(one.reference),
            without_diacritics(one.hypothesis),
        ),
        _word_errors,
    ),
    "open_asr": View(lambda language, profile: open_asr.ID, _leaderboard, open_asr.errors),
}
