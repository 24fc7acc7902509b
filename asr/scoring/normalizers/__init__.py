"""Normalizers: what of a transcript counts when it is scored. Found by name in this one place."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Protocol, cast

from asr.core.by_name import module_by_name
from asr.core.errors import InputError

DEFAULT = "default"  # the key for languages that have no normalizer of their own


class Normalizer(Protocol):
    """What a file of this folder offers: the same treatment for reference and hypothesis."""

    ID: str
    """Name, version, and the versions of what it stands on: it goes wherever the score goes."""

    def normalize(self, text: str, language: str) -> str:
        """Words with single spaces between them, for any text at all.

        Args:
            text: any Unicode.
            language: ISO 639 code, as in the manifest.

        Raises:
            InputError: if the normalizer isn't made for the language.
        """


@cache
def text_normalizer(name: str) -> Normalizer:
    """The normalizer ``asr/scoring/normalizers/<name>.py``, imported when it is asked for."""
    return cast(Normalizer, module_by_name("asr.scoring.normalizers", name, "score.normalizers"))


class Normalizers:
    """The normalizer of each language.

    Any of them may be chosen for any language, so a score depends on all files of the folder.
    """

    def __init__(self, name_by_language: Mapping[str, str]) -> None:
        """Take names by ISO 639 code; ``default`` is for all other languages.

        Raises:
            InputError: for a name that is no file in this folder.
        """
        self._by_language = {
            language: text_normalizer(name) for language, name in name_by_language.items()
        }

    def normalize(self, text: str, language: str) -> str:
        """The words that count, by the language's own normalizer."""
        return self._of(language).normalize(text, language)

    def ids(self, languages: Iterable[str]) -> dict[str, str]:
        """Whose words are counted, by language, for a metrics file."""
        return {language: self._of(language).ID for language in sorted(set(languages))}

    def _of(self, language: str) -> Normalizer:
        return self._by_language.get(language) or self._by_language[DEFAULT]


def made_for(languages: Collection[str], language: str, name: str) -> None:
    """Refuse a language that a normalizer would do harm to.

    Raises:
        InputError: naming the normalizer, its languages and the one it was given.
    """
    if language not in languages:
        known = ", ".join(map(repr, sorted(languages)))
        raise InputError(
            f"score.normalizers: {name} is for language {known}, got {language!r}; choose spoken"
        )
