"""Normalizers define which parts of a text count in a score; each is a file, found by name."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Protocol, cast

from asr.core.by_name import module_by_name
from asr.core.errors import InputError
from asr.core.params import load_corpus
from asr.corpora.params import TestSet
from asr.corpora.test_sets import TEST
from asr.scoring.params import ScoreParams
from asr.text.scripts import LANGUAGES as SCRIPT_LANGUAGES
from asr.text.scripts import Script

DEFAULT = "default"  # key for all languages without their own normalizer


class Normalizer(Protocol):
    """Interface of a file in this folder; scoring applies it to reference and hypothesis alike."""

    ID: str
    """Name, version, and versions of its libraries; written beside every score."""

    def normalize(self, text: str, language: str) -> str:
        """Normalize any text to words with single spaces between them.

        Args:
            text: any Unicode.
            language: ISO 639 code, as in the manifest.

        Raises:
            InputError: if the normalizer does not support the language.
        """


@cache
def text_normalizer(name: str) -> Normalizer:
    """Import the normalizer ``asr/scoring/normalizers/<name>.py``."""
    return cast(Normalizer, module_by_name("asr.scoring.normalizers", name, "score.normalizers"))


class Normalizers:
    """The normalizers by language, from ``score.normalizers``.

    Params may choose any normalizer, so the stage depends on all files in this folder.
    """

    def __init__(self, name_by_language: Mapping[str, str], script: Script = "as_is") -> None:
        """Import normalizers by ISO 639 code; ``default`` is for all other languages.

        Args:
            name_by_language: ``score.normalizers``.
            script: ``score.script``, which changes the references; so the IDs name it.

        Raises:
            InputError: if a name is no file in this folder.
        """
        self._by_language = {
            language: text_normalizer(name) for language, name in name_by_language.items()
        }
        self._script = script

    def normalize(self, text: str, language: str) -> str:
        """Normalize a text with the normalizer of its language."""
        return self._of(language).normalize(text, language)

    def ids(self, languages: Iterable[str]) -> dict[str, str]:
        """IDs of the normalizers by language, for a metrics file."""
        found = {language: self._of(language).ID for language in sorted(set(languages))}
        if self._script != "as_is":
            for language in found.keys() & SCRIPT_LANGUAGES:
                found[language] += f"/{self._script}"
        return found

    def _of(self, language: str) -> Normalizer:
        return self._by_language.get(language) or self._by_language[DEFAULT]


def normalizers_of(test_set: str, params: ScoreParams) -> Normalizers:
    """The normalizers of ``score``, or the one that a further test set has of its own.

    Raises:
        InputError: if there is no such test set or normalizer.
    """
    own = None if test_set == TEST else load_corpus(test_set, TestSet).normalizer
    return Normalizers(params.normalizers if own is None else {DEFAULT: own}, params.script)


def check_language(languages: Collection[str], language: str, name: str) -> None:
    """Reject a language that a normalizer does not support, since it would damage the text.

    Raises:
        InputError: if ``language`` is not in ``languages``.
    """
    if language not in languages:
        known = ", ".join(map(repr, sorted(languages)))
        raise InputError(
            f"score.normalizers: {name} is for language {known}, got {language!r}; choose spoken"
        )
