"""Signs beside numbers: fractions, powers, minus, plus, percent, degrees, currencies.

A sign never vanishes and never changes a number's value: «2½» is not 21 halves, «10²» is not 102.
A sign becomes words where this module has words for it in the language. Elsewhere it stays as a
word of its own, so a score counts it. A whole number with such a fraction stays in digits:
«20 1⁄2».
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from math import gcd

from num2words import CONVERTER_CLASSES

MINUS, FRACTION, POWER = "\N{MINUS SIGN}", "\N{FRACTION SLASH}", "\N{UPWARDS ARROW}"
_KEPT = frozenset(f"{MINUS}{FRACTION}{POWER}+=%‰‱°×÷±√∞≈≠≤≥")

# Stand for digits and marks that stay, until the rest is spelled and punctuation is gone.
STOOD_FOR = {chr(0xE000 + ord(c) % 0x1000): c for c in f"0123456789.,{FRACTION}"}
_STAND_INS = str.maketrans({c: stand_in for stand_in, c in STOOD_FOR.items()})

_SUPERSCRIPT = re.compile("(?<=[^\\W_])[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_VULGAR = re.compile("[¼½¾⅐-⅞↉]")
_ASCII_POWER = re.compile(r"(?<=[^\W_])\^(?=[-−]?\d)")
_ANY_VALUE = re.compile("[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹¼½¾⅐-⅞↉^]")  # without one, those three find nothing
# A single slash between two numbers; «24/12/2025» is a date.
_SLASH = re.compile(r"(?<![\d/⁄.,])(\d{1,9})/(?=\d{1,9}(?![\d/⁄]))")
# A whole number may precede a fraction.
_FRACTION = re.compile(r"(?<![\d⁄.,])((?<!↑)\d{1,9} {1,9})?(?<![\d⁄])(\d{1,9}⁄\d{1,9})(?![\d⁄])")
_UNIT_SLASH = re.compile(r"(\d\s?[^\W\d_]{1,4})/(?=[^\W\d_]{1,3}\b)")  # «5 km/h»
_MINUS = re.compile(rf"((?<![\w.,–−-])[–-](?=[^\w\s]?\d)|{MINUS}(?=\s?[^\w\s]?\s?\d))|{MINUS}")
_IN_CONTEXT = re.compile(
    r"(?<=\d)[+=]|(?<=\d\s)[+=]|[+=](?=\s?\d)|(?<!\S)[+=](?=\s*[\w$€£¥₽₴₪−⁄↑%‰°×÷±√]|\s|$)"
)

_MINUS_WORDS = {
    "ar": "ناقص", "bg": "минус", "bn": "মাইনাস", "bs": "minus", "cy": "minws", "el": "μείον",
    "fa": "منفی", "hr": "minus", "id": "minus", "it": "meno", "kn": "ಮೈನಸ್", "mk": "минус",
    "te": "మైనస్", "vi": "âm", "yi": "מינוס",
}  # fmt: skip
_PLUS_WORDS = {
    "ar": "زائد", "be": "плюс", "bg": "плюс", "bs": "plus", "ca": "més", "cs": "plus",
    "cy": "plws", "da": "plus", "de": "plus", "el": "συν", "en": "plus", "eo": "plus",
    "es": "más", "fi": "plus", "fr": "plus", "he": "פלוס", "hr": "plus", "hu": "plusz",
    "id": "plus", "is": "plús", "it": "più", "ja": "プラス", "ko": "플러스", "lt": "plius",
    "lv": "plus", "mk": "плус", "nl": "plus", "no": "pluss", "pl": "plus", "pt": "mais",
    "ro": "plus", "ru": "плюс", "sk": "plus", "sl": "plus", "sr": "plus", "sv": "plus",
    "th": "บวก", "tr": "artı", "uk": "плюс", "vi": "cộng",
}  # fmt: skip
_EQUALS_WORDS = {
    "de": "gleich", "en": "equals", "es": "igual a", "ja": "イコール", "pt": "igual a",
    "th": "เท่ากับ",
}  # fmt: skip
_POWERS = {  # squared, cubed
    "de": ("hoch zwei", "hoch drei"), "en": ("squared", "cubed"),
    "es": ("al cuadrado", "al cubo"), "fr": ("au carré", "au cube"),
    "it": ("al quadrato", "al cubo"), "pt": ("ao quadrado", "ao cubo"),
}  # fmt: skip
# Before any other exponent.
_POWER_OF = {
    "de": "hoch", "en": "to the power of", "es": "elevado a", "fr": "puissance",
    "it": "elevato a", "pt": "elevado a",
}  # fmt: skip
_EN_PARTS = ("half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_EN_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_FRACTIONS = {
    "be": {"1⁄2": "палова", "1⁄4": "чвэрць", "1⁄3": "траціна"},
    "bg": {"1⁄2": "половина", "1⁄4": "четвърт", "1⁄3": "една трета", "3⁄4": "три четвърти"},
    "de": {"1⁄2": "einhalb", "1⁄3": "ein drittel", "2⁄3": "zwei drittel", "1⁄4": "ein viertel",
           "3⁄4": "drei viertel"},
    "en": {f"{n}⁄{d}": f"{number} {part}{'s' * (n > 1)}"
           for d, part in enumerate(_EN_PARTS, 2) for n, number in enumerate(_EN_NUMBERS, 1)
           if gcd(n, d) == 1 and n < d},
    "es": {"1⁄2": "un medio", "1⁄3": "un tercio", "2⁄3": "dos tercios", "1⁄4": "un cuarto",
           "3⁄4": "tres cuartos"},
    "fr": {"1⁄2": "un demi", "1⁄3": "un tiers", "2⁄3": "deux tiers", "1⁄4": "un quart",
           "3⁄4": "trois quarts"},
    "it": {"1⁄2": "un mezzo", "1⁄3": "un terzo", "2⁄3": "due terzi", "1⁄4": "un quarto",
           "3⁄4": "tre quarti"},
    "ru": {"1⁄2": "одна вторая", "1⁄3": "одна треть", "2⁄3": "две трети", "1⁄4": "одна четверть",
           "3⁄4": "три четверти"},
}  # fmt: skip
_AND = {"bg": "и", "en": "and", "es": "y", "fr": "et", "it": "e", "ru": "и"}  # «two and one half»


@cache
def is_kept(character: str) -> bool:
    """Whether a sign counts as a word: «€», «%», «−»; other punctuation does not."""
    return character in _KEPT or unicodedata.category(character) == "Sc"


def has_digits_or_signs(normalized: str) -> bool:
    """Whether a number in a normalized text is not in words, or a sign is not."""
    return any(map(_is_digit_or_sign, normalized))


@cache
def _is_digit_or_sign(character: str) -> bool:
    return character.isdecimal() or is_kept(character)


def as_written(text: str) -> str:
    """Protect the digits and marks of a number that has no words."""
    return text.translate(_STAND_INS)


def mark_values(text: str) -> str:
    """Mark fractions and powers before NFKC, which turns «10²» into «102» and «2½» into «21⁄2».

    A power becomes «10↑2», a fraction «2 1⁄2».
    """
    if not _ANY_VALUE.search(text):
        return text
    text = _SUPERSCRIPT.sub(lambda m: POWER + unicodedata.normalize("NFKC", m[0]), text)
    text = _VULGAR.sub(lambda m: f" {unicodedata.normalize('NFKC', m[0])} ", text)
    return _ASCII_POWER.sub(POWER, text)


def spell_signs(text: str, language: str, spaced: Callable[[str], str]) -> str:
    """Spell out fractions, powers, minus, plus and equals; those without words stay.

    Args:
        text: any text in NFKC, with ASCII digits, after ``mark_values``.
        language: ISO 639 code.
        spaced: puts spaces around words, in the script of the text.
    """
    text = _UNIT_SLASH.sub(rf"\1{FRACTION}", _SLASH.sub(rf"\1{FRACTION}", text))
    text = spell_values(text, language)
    # «20 1⁄2» without words for a half: «twenty one ⁄ two» would be 21 halves.
    text = _FRACTION.sub(lambda match: as_written(match[0]) if match[1] else match[0], text)
    minus = _minus(language)
    spelled = spaced(minus) if minus else f" {MINUS}"
    text = _MINUS.sub(lambda match: spelled if match[1] else " ", text)  # else it is a dash
    words_of = {"+": _PLUS_WORDS.get(language, "+"), "=": _EQUALS_WORDS.get(language, "=")}
    signs = {match.start() for match in _IN_CONTEXT.finditer(text)}
    return "".join(
        c if c not in words_of else f" {spaced(words_of[c])} " if place in signs else " "
        for place, c in enumerate(text)
    )


def spell_values(text: str, language: str) -> str:
    """Spell out what ``mark_values`` marked, where the language has words for it."""
    named = _FRACTIONS.get(language, {})

    def fraction(match: re.Match[str]) -> str:
        whole, value = match.groups()
        if value not in named:
            return match[0]
        before = f"{whole}{_AND.get(language, '')} " if whole else " "
        return f"{before}{named[value]} "

    text = _FRACTION.sub(fraction, text)
    for exponent, words in zip("23", _POWERS.get(language, ()), strict=False):
        text = re.sub(rf"{POWER}{exponent}(?!\d)", f" {words} ", text)
    return text.replace(POWER, f" {_POWER_OF[language]} ") if language in _POWER_OF else text


def _minus(language: str) -> str:
    if language in _MINUS_WORDS:
        return _MINUS_WORDS[language]
    converter = CONVERTER_CLASSES.get(language)
    return str(getattr(converter, "negword", "") or "").strip()
