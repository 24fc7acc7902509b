"""Profile ``spoken``: what one hears, in any script. Marks stay: «й», «ў», «đ», niqqud, matras.

Whisper's own basic normalizer, with diacritics removed, turns «й» into «и» and takes the vowels out
of Hindi. Here case, punctuation and the many ways to encode a letter go, and nothing that is heard.

Digits are spelled out where num2words has the language: a reference says «сто» where a hypothesis
says «100», and either may be the other way round. Elsewhere (Bulgarian, Greek, Hindi) they stay.
"""

import re
import unicodedata
from functools import cache
from importlib.metadata import version

from num2words import CONVERTER_CLASSES, num2words

ID = f"spoken-1/unicode-{unicodedata.unidata_version}/num2words-{version('num2words')}"

APOSTROPHE = "'"
# Belarusian and Ukrainian are typed with all of them: «аб'ект», «аб’ект», «абʼект».
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼʻ‛′´`ʹ＇"), APOSTROPHE)
_ZERO_WIDTH_SPACE = (
    "\u200b"  # ends a word in Thai and Khmer; other format characters are inside one
)

_LONGEST_NUMBER = 9  # digits; a longer one is a telephone number, read digit by digit
_WITHOUT_SPACES = {"ja", "km", "lo", "my", "th", "yue", "zh"}
# Asked for "fil", num2words counts in Finnish, "fi"; its Amharic fails on large numbers.
_SPELLED = CONVERTER_CLASSES.keys() - {"am"}
_LATIN_NUMBERS = {"sr"}  # spelled in Latin letters alone, though Cyrillic is written as well

_STRESS = (re.compile("\u0301"), "")  # an aid to learners, no part of the letter
_DOTTED_I = ((re.compile("İ"), "i"), (re.compile("I"), "ı"))
_LANGUAGE_RULES: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    "az": _DOTTED_I,
    "be": (_STRESS,),
    "bg": (_STRESS,),
    "ca": ((re.compile(r"(?<=[lL])·(?=[lL])"), ""),),  # «col·legi», often typed «collegi»
    # Gershayim of «צה״ל», and the quotation mark after a prefix, as in «ה"שלום"».
    "he": ((re.compile(r'(?<=[א-ת])["״”“](?=[א-ת])'), ""),),
    "ro": tuple((re.compile(a), b) for a, b in zip("şţŞŢ", "șțȘȚ", strict=True)),  # cedilla: 1990s
    "ru": (_STRESS, (re.compile("ё"), "е"), (re.compile("Ё"), "Е")),  # «ё» is optional in print
    "tr": _DOTTED_I,
    "uk": (_STRESS,),
}


def normalize(text: str, language: str) -> str:
    """Words as they are heard, in lower case, with single spaces between them.

    In languages that are written without spaces there are none: read CER there, not WER.

    Args:
        text: any Unicode.
        language: ISO 639 code.
    """
    # NFKC would part U+00B4 from its letter, so apostrophes are made one before it.
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).translate(_APOSTROPHES)
    for pattern, replacement in _LANGUAGE_RULES.get(language, ()):
        text = pattern.sub(replacement, text)
    text = re.sub(r"\d+", lambda digits: _spell(digits[0], language, text), text)
    # Folding can take letters apart, and joining them can give capitals to fold (Unicode 5.18).
    text = _fold(_fold(text))
    words = [_trim(word) for word in "".join(map(_keep, text)).split()]
    return ("" if language in _WITHOUT_SPACES else " ").join(word for word in words if word)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


def _spell(digits: str, language: str, text: str) -> str:
    """Words for a number, or its digits as ASCII where there are none for the language."""
    digits = "".join(str(unicodedata.decimal(digit)) for digit in digits)
    in_cyrillic = re.search("[а-яА-Я]", text) is not None
    if language not in _SPELLED or (language in _LATIN_NUMBERS and in_cyrillic):
        return digits
    one_by_one = len(digits) > _LONGEST_NUMBER or (digits[0] == "0" and len(digits) > 1)
    words = [str(num2words(int(n), lang=language)) for n in (digits if one_by_one else [digits])]
    return f" {' '.join(words).translate(_APOSTROPHES)} "


@cache
def _keep(character: str) -> str:
    """Letters, marks, numbers and apostrophes stay; a format character vanishes; the rest parts."""
    category = unicodedata.category(character)
    if category[0] in "LMN" or character == APOSTROPHE:
        return character
    return "" if category == "Cf" and character != _ZERO_WIDTH_SPACE else " "


def _trim(word: str) -> str:
    """Take off apostrophes around a word, and marks that have no letter to stand on."""
    start = 0
    while start < len(word) and (
        word[start] == APOSTROPHE or unicodedata.category(word[start])[0] == "M"
    ):
        start += 1
    return word[start:].rstrip(APOSTROPHE)


def _leans(character: str) -> bool:
    return character == APOSTROPHE or unicodedata.category(character)[0] == "M"
