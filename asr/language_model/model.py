"""Score texts with the language model of their language."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from asr.core.errors import InputError, needs
from asr.core.files import read_json
from asr.language_model.words import (
    DESCRIPTION,
    FORM,
    LETTERS,
    VOCABULARY,
    WORDS,
    is_number,
    spelled,
    words_of,
)

LOG_10 = math.log(10)  # ARPA files hold decimal logarithms
CACHED_WORDS = 100_000


@dataclass(frozen=True)
class TextScore:
    """What a language model finds in a text; logarithms are natural.

    Attributes:
        unknown: words that neither transcripts nor texts have; numbers in digits are none.
        spelling: log-probability of the letters of all words.
        words: log-probability of the words, one after the other.
        hot: hot words.
    """

    unknown: int
    spelling: float
    words: float
    hot: int


class LanguageModel:
    """The language model of one language."""

    def __init__(self, folder: Path, language: str, hot_words: Iterable[str]) -> None:
        """Load what ``asr.language_model.build`` wrote.

        Raises:
            InputError: if a file is missing or is no ARPA file.
        """
        self._language = language
        self._hot = frozenset(word for hot in hot_words for word in words_of(hot, language))
        known = (folder / VOCABULARY).read_text(encoding="utf-8").split()
        self._known = self._hot.union(known)
        self._words, self._letters = _load(folder / WORDS), _load(folder / LETTERS)
        # kaldingram writes no <unk> of letters, for which kenlm takes 1e-100, and 1e-99 where too
        # little text leaves nothing for other words: either would decide alone. So nothing is rarer
        # than a word that came half a time.
        self._least = -math.log10(2.0 * max(1, len(known)))
        self._spelling = lru_cache(CACHED_WORDS)(self._spelling_of)

    def score(self, text: str) -> TextScore:
        """Score a hypothesis."""
        words = words_of(text, self._language)
        return TextScore(
            unknown=sum(word not in self._known and not is_number(word) for word in words),
            spelling=sum(self._spelling(word) for word in words),
            words=self._log_prob(self._words, " ".join(words)),
            hot=sum(word in self._hot for word in words),
        )

    def _spelling_of(self, word: str) -> float:
        if is_number(word):
            return 0.0
        return self._log_prob(self._letters, spelled(word))

    def _log_prob(self, ngrams: Any, sentence: str) -> float:
        found = ngrams.full_scores(sentence, bos=True, eos=True)
        return float(LOG_10 * sum(max(log_prob, self._least) for log_prob, _, _ in found))


def load_models(folder: Path, hot_words: dict[str, list[str]]) -> dict[str, LanguageModel]:
    """The language models of a folder by language.

    Raises:
        InputError: if the folder's words have another form than this code gives hypotheses.
    """
    described = read_json(folder / DESCRIPTION)
    if described["languages"] and described["form"] != FORM:
        raise InputError(
            f"{folder / DESCRIPTION}: expected words in the form {FORM!r}, got "
            f"{described['form']!r}: run the stage lm again"
        )
    return {
        language: LanguageModel(folder / language, language, hot_words.get(language, []))
        for language in described["languages"]
    }


def _load(path: Path) -> Any:
    with needs("language_model", "lm.weight: dev"):
        import kenlm
    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(path), config)
    except OSError as error:
        raise InputError(f"{path}: expected an ARPA file: {error}") from error
