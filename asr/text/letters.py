"""In which languages a text could be written, by its letters alone.

No model, and no knowledge of words: a Bulgarian sentence may well be spelled with letters that
Russian has too. But a text in another script than its corpus's language, or with letters which that
language lacks, is a mistake worth seeing, and that is all this is for.
"""

import unicodedata

_CYRILLIC = "абвгдежзклмнопрстуфхцчш"
_LATIN = "abcdefghijklmnopqrstuvwxyz"

# Lower-case letters by ISO 639 code; those that only foreign names need are left out.
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
    """The languages of ``ALPHABETS`` that have most of a text's letters, in order.

    Empty where there is no letter, or none has as many as nine in ten.
    """
    # Composed, since й is one letter; marks alone, as Hebrew's vowel points, are none.
    composed = unicodedata.normalize("NFC", text).lower()
    different = [c for c in set(composed) if c.isalpha()]
    if not different:
        return []
    # As a rule some languages have them all, which is seen sooner than how many each has.
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
    """Whether ``language`` is among those of ``languages_by_letters``, or not in the table."""
    return language not in ALPHABETS or language in by_letters
