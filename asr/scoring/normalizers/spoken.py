"""Profile ``spoken``: what one hears, in any script. Marks stay: «й», «ў», «đ», niqqud, matras.

Whisper's own basic normalizer, with diacritics removed, turns «й» into «и» and takes the vowels out
of Hindi. Here case, punctuation and the many ways to encode a letter go, and nothing that is heard.

Numbers, money, percent and ordinals are spelled out where there are words for them in the language:
a reference says «сто» where a hypothesis says «100», and either may be the other way round.
Elsewhere (Bulgarian, Greek, Hindi) digits stay.

spoken-1 spelled integers alone, and neither Croatian nor Cyrillic Serbian ones.
"""

import re
import unicodedata
from functools import cache
from importlib.metadata import version

from asr.scoring.numbers import spell_numbers

ID = f"spoken-2/unicode-{unicodedata.unidata_version}/num2words-{version('num2words')}"

APOSTROPHE = "'"
# Belarusian and Ukrainian are typed with all of them: «аб'ект», «аб’ект», «абʼект».
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼʻ‛′´`ʹ＇"), APOSTROPHE)
_ZERO_WIDTH_SPACE = (
    "\u200b"  # ends a word in Thai and Khmer; other format characters are inside one
)

_WITHOUT_SPACES = {"ja", "km", "lo", "my", "th", "yue", "zh"}

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
    # Before any rule looks for neighbours: format characters may stand between them.
    text = "".join(_visible(character) for character in text)
    # NFKC would part U+00B4 from its letter, so apostrophes are made one before it.
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).translate(_APOSTROPHES)
    for pattern, replacement in _LANGUAGE_RULES.get(language, ()):
        text = pattern.sub(replacement, text)
    text = spell_numbers(text, language).translate(_APOSTROPHES)
    # Folding can take letters apart, and joining them can give capitals to fold (Unicode 5.18).
    text = _fold(_fold(text))
    words = [_trim(word) for word in "".join(map(_keep, text)).split()]
    spoken = ("" if language in _WITHOUT_SPACES else " ").join(word for word in words if word)
    # Last of all: where digits stay, a second pass must find nothing new behind them.
    return re.sub(r"(?<=[0-9]) ?лв(?!\w)", " лева", spoken) if language == "bg" else spoken


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


@cache
def _visible(character: str) -> str:
    """Nothing for a format character, but for the one that parts words."""
    hidden = unicodedata.category(character) == "Cf" and character != _ZERO_WIDTH_SPACE
    return "" if hidden else character


@cache
def _keep(character: str) -> str:
    """Letters, marks, numbers and apostrophes stay; the rest parts words."""
    kept = unicodedata.category(character)[0] in "LMN" or character == APOSTROPHE
    return character if kept else " "


def _trim(word: str) -> str:
    """Take off apostrophes around a word, and marks that have no letter to stand on."""
    start = 0
    while start < len(word) and (
        word[start] == APOSTROPHE or unicodedata.category(word[start])[0] == "M"
    ):
        start += 1
    return word[start:].rstrip(APOSTROPHE)
