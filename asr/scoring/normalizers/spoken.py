"""Profile ``spoken``: keeps all that is pronounced, in any script: «й», «ў», «đ», niqqud, matras.

Whisper's basic normalizer can remove diacritics: it turns «й» into «и» and drops the vowels of
Hindi. This one removes only case, punctuation and differences of encoding.

It spells out numbers, money, percent and ordinals, since references and hypotheses mix «сто» and
«100». In languages without words for them (Bulgarian, Greek, Hindi) digits stay.

Signs without words («5 €» in Slovene) stay, as words of their own, and so does a minus.

spoken-1 spelled out only integers, and none in Croatian and Cyrillic Serbian. spoken-2 dropped
minus and signs without words, read «10²» as 102, and kept the Arabic tatweel. spoken-3 read «3,5»
as 3 and 5 in languages without a word for the comma, and as 35 in Chinese; it read «20½» as 21
halves in languages without a word for a half.
"""

import re
import unicodedata
from functools import cache
from importlib.metadata import version

from asr.scoring.number_signs import STOOD_FOR, is_kept, mark_values
from asr.scoring.numbers import spell_numbers
from asr.text.sentence import WITHOUT_SPACES

ID = f"spoken-4/unicode-{unicodedata.unidata_version}/num2words-{version('num2words')}"

APOSTROPHE = "'"
# Belarusian and Ukrainian texts use all of these: «аб'ект», «аб’ект», «абʼект».
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼʻ‛′´`ʹ＇׳"), APOSTROPHE)
# They stretch a line in Arabic, N'Ko and Mongolian script; Unicode calls two of them letters.
_STRETCHES = frozenset("\u0640\u07fa\u180a")
_ZERO_WIDTH_SPACE = (
    "\u200b"  # ends a word in Thai and Khmer; other format characters are within words
)

_STRESS = (re.compile("\u0301"), "")  # stress mark for learners, not part of the letter
_DOTTED_I = ((re.compile("İ"), "i"), (re.compile("I"), "ı"))
# Gershayim of «צה״ל», also typed as two apostrophes, and the quotation mark after a prefix, as in
# «ה"שלום"»; between letters, which may have points.
_GERSHAYIM = (
    re.compile(rf"(?<=[א-ת\u0591-\u05c7])(?:[\"״”“„‟″〞]|{APOSTROPHE}{{2}})(?=[א-ת])"),
    "",
)
_LANGUAGE_RULES: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    "az": _DOTTED_I,
    "be": (_STRESS,),
    "bg": (_STRESS,),
    "ca": ((re.compile(r"(?<=[lL])·(?=[lL])"), ""),),  # «col·legi», often typed «collegi»
    "he": (_GERSHAYIM,),
    "ro": tuple((re.compile(a), b) for a, b in zip("şţŞŢ", "șțȘȚ", strict=True)),  # cedilla: 1990s
    "ru": (_STRESS, (re.compile("ё"), "е"), (re.compile("Ё"), "Е")),  # «ё» is optional in print
    "tr": _DOTTED_I,
    "uk": (_STRESS,),
    "yi": (_GERSHAYIM,),
}


def normalize(text: str, language: str) -> str:
    """Normalize to lower-case words with single spaces between them.

    Languages written without spaces get none: use CER for them, not WER.

    Args:
        text: any Unicode.
        language: ISO 639 code.
    """
    # First, since the rules check neighbouring letters: format characters may be between them.
    text = visible(text)
    # Apostrophes first: NFKC turns U+00B4 into a space and a combining accent.
    text = unicodedata.normalize("NFKC", mark_values(text.translate(_APOSTROPHES)))
    text = text.translate(_APOSTROPHES)
    for pattern, replacement in _LANGUAGE_RULES.get(language, ()):
        text = pattern.sub(replacement, text)
    text = spell_numbers(text, language).translate(_APOSTROPHES)
    # Twice: NFKC after case folding can yield new capitals (Unicode 5.18).
    text = _fold(_fold(text))
    words = [_trim(word) for word in "".join(map(_keep, text)).split()]
    spoken = " ".join(word for word in words if word)
    if language in WITHOUT_SPACES:  # but «2 1⁄2» is not 21 halves
        spoken = re.sub("(?<![0-9]) | (?![0-9])", "", spoken)
    # At the end, so that normalizing twice changes nothing: Bulgarian digits stay.
    return re.sub(r"(?<=[0-9]) ?лв(?!\w)", " лева", spoken) if language == "bg" else spoken


def visible(text: str) -> str:
    """Remove what nobody sees, such as soft hyphens and marks of direction."""
    return "".join(map(_visible, text))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


@cache
def _visible(character: str) -> str:
    """Return the character, or "" for a tatweel or a format character other than U+200B.

    A space for those that stand for parts of a number: text of any origin may hold them.
    """
    if character in STOOD_FOR:
        return " "
    hidden = unicodedata.category(character) == "Cf" and character != _ZERO_WIDTH_SPACE
    return "" if hidden or character in _STRETCHES else character


@cache
def _keep(character: str) -> str:
    """Return letters, marks, numbers, apostrophes and signs; a space for any other character."""
    if is_kept(character):
        return f" {character} "
    if character in STOOD_FOR:
        return STOOD_FOR[character]
    if character in _STRETCHES:  # NFKC yields a tatweel from U+FE71
        return ""
    kept = unicodedata.category(character)[0] in "LMN" or character == APOSTROPHE
    return character if kept else " "


def _trim(word: str) -> str:
    """Strip apostrophes around a word, and marks before its first letter."""
    start = 0
    while start < len(word) and (
        word[start] == APOSTROPHE or unicodedata.category(word[start])[0] == "M"
    ):
        start += 1
    return word[start:].rstrip(APOSTROPHE)
