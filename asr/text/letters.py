"""Find the languages that a text could be in by its letters, and list letters in messages.

The first uses no dictionary: a Bulgarian sentence may well have only letters that Russian has too.
It finds texts in the wrong script, and with letters that the corpus's language doesn't have.
"""

import unicodedata
from collections.abc import Mapping

_CYRILLIC = "абвгдежзклмнопрстуфхцчш"
_LATIN = "abcdefghijklmnopqrstuvwxyz"

# Lower-case letters by ISO 639 code, without letters that occur only in foreign names.
ALPHABETS = {
    "be": _CYRILLIC + "ёійўыьэюя",
    "bg": _CYRILLIC + "ийщъьюя",
    "bs": "abcčćdđefghijklmnoprsštuvzž" + _CYRILLIC + "иђјљњћџ",
    "ca": _LATIN + "àçèéíïòóúü",
    "cs": _LATIN + "áčďéěíňóřšťúůýž",
    "da": _LATIN + "æøåé",
    "de": _LATIN + "äöüß",
    "el": "αάβγδεέζηήθιίϊΐκλμνξοόπρσςτυύϋΰφχψωώ",
    "en": _LATIN,
    "es": _LATIN + "áéíñóúü",
    "fr": _LATIN + "àâæçèéêëîïôœùûüÿ",
    "he": "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "hr": "abcčćdđefghijklmnoprsštuvzž",
    "it": _LATIN + "àèéìíòóùú",
    "mk": _CYRILLIC + "ѓѕијќљњџ",
    "nl": _LATIN + "áèéêëïóöü",
    "pl": _LATIN + "ąćęłńóśźż",
    "pt": _LATIN + "àáâãçéêíóôõú",
    "ro": _LATIN + "ăâîșțşţ",
    "ru": _CYRILLIC + "ёийщъыьэюя",
    "sr": "abcčćdđefghijklmnoprsštuvzž" + _CYRILLIC + "иђјљњћџ",
    "sv": _LATIN + "åäöé",
    "tr": "abcçdefgğhıijklmnoöprsştuüvyzâîû",
    "uk": _CYRILLIC + "ґєиіїйщьюя",
}
_SETS = {language: frozenset(alphabet) for language, alphabet in ALPHABETS.items()}
_NONE: frozenset[str] = frozenset()
_LANGUAGES_OF = {  # by letter
    letter: frozenset(language for language, alphabet in ALPHABETS.items() if letter in alphabet)
    for letter in "".join(ALPHABETS.values())
}


def languages_by_letters(text: str) -> list[str]:
    """The languages of ``ALPHABETS`` that cover the most letters of a text, sorted by code.

    Empty if the text has no letters, or no language covers 90 % of them.
    """
    # NFC, because й is one letter. Marks on their own, such as Hebrew points, are no letters.
    composed = unicodedata.normalize("NFC", text).lower()
    different = [c for c in set(composed) if c.isalpha()]
    if not different:
        return []
    # Usually some languages have all the letters; this check is faster than counting.
    if having_all := frozenset.intersection(*(_LANGUAGES_OF.get(c, _NONE) for c in different)):
        return sorted(having_all)
    letters = [c for c in composed if c.isalpha()]
    num_known = {
        language: sum(letter in alphabet for letter in letters)
        for language, alphabet in _SETS.items()
    }
    most = max(num_known.values())
    if most < 0.9 * len(letters):
        return []
    return sorted(language for language, num in num_known.items() if num == most)


def fits_language(language: str, by_letters: list[str]) -> bool:
    """Whether ``by_letters`` has ``language``; true for a language without an alphabet here."""
    return language not in ALPHABETS or language in by_letters


def listed(counts: Mapping[str, int]) -> str:
    """The commonest of some characters with their counts, for a message."""
    common = [f"«{one}» {n}" for one, n in sorted(counts.items(), key=lambda i: (-i[1], i[0]))]
    return ", ".join(common[:20]) + (" …" if len(common) > 20 else "")
