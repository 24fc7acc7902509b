"""Spell out numbers as spoken: «$25» as «twenty-five dollars», «5 %» as «cinq pour cent».

num2words has cardinals, ordinals and currency names for most languages. In others (Bulgarian,
Greek, Hindi) digits stay, and only signs are spelled out (asr/scoring/number_signs.py). A decimal
without words stays as it is: «3,5». A date, version or telephone number is spelled number by
number.
"""

import re
import unicodedata
from functools import cache, lru_cache

from num2words import CONVERTER_CLASSES, num2words

from asr.scoring.number_signs import MINUS, POWER, as_written, spell_signs
from asr.text.scripts import in_script

_MAX_GROUPS = 10  # of digits in a number, a date or a version
_MAX_DIGITS = 9  # a longer number is taken for a telephone number, spelled digit by digit
# For "fil" num2words falls back to "fi", Finnish; its Amharic fails on large numbers.
_CARDINAL_LANGUAGES = CONVERTER_CLASSES.keys() - {"am"}
_CARDINALS_OF = {"bs": "sr", "hr": "sr"}
_CARDINAL_DIFFERENCES = {  # Serbian form, own form
    "bs": (("dvesta", "dvjesta"), ("dve", "dvije")),
    "hr": (("dvesta", "dvjesto"), ("trista", "tristo"), ("dve", "dvije"), ("hiljad", "tisuć"),
           ("milion", "milijun")),
}  # fmt: skip

_THOUSANDS_SEPARATOR = dict.fromkeys([
    "bs", "ca", "da", "de", "el", "es", "hr", "id", "it", "nl", "pt", "ro", "sl", "sr", "tr",
    "vi",
], ".")  # fmt: skip
_THOUSANDS_SEPARATOR |= dict.fromkeys(["en", "he", "hi", "ja", "ko", "th", "zh"], ",")
# Only languages of num2words: where digits stay, «2 000» would join two numbers into one.
_THOUSANDS_SEPARATOR |= dict.fromkeys([
    "be", "cs", "fi", "fr", "hu", "lt", "lv", "no", "pl", "ru", "sk", "sv", "uk",
], " ")  # fmt: skip
# The word for the decimal point, and whether the fraction is spelled digit by digit. In a language
# that is not here, and of which num2words has no form either, a decimal stays in digits: «3,5».
_DECIMAL_WORD = {
    "az": ("nöqtə", False), "be": ("коска", False), "bn": ("দশমিক", True), "bs": ("zarez", False),
    "ca": ("coma", False), "cs": ("celá", False), "da": ("komma", True), "de": ("komma", True),
    "en": ("point", True), "eo": ("komo", True), "es": ("coma", False), "fi": ("pilkku", True),
    "fr": ("virgule", False), "he": ("נקודה", True), "hr": ("zarez", False),
    "id": ("koma", True), "is": ("komma", True), "it": ("virgola", False), "ja": ("点", True),
    "kn": ("ಬಿಂದು", True), "ko": ("점", True), "lt": ("kablelis", False), "lv": ("komats", False),
    "nl": ("komma", True), "no": ("komma", True), "pl": ("przecinek", False),
    "pt": ("vírgula", False), "ro": ("virgulă", False), "sk": ("celých", False),
    "sl": ("celih", True), "sr": ("zarez", False), "sv": ("komma", True), "te": ("బిందువు", True),
    "tet": ("vírgula", True), "tg": ("нуқта", True), "th": ("จุด", True), "tr": ("virgül", False),
    "uk": ("кома", False), "vi": ("phẩy", True),
}  # fmt: skip
_WHOLE_DECIMALS = {"hu", "ru"}  # num2words names the place: «három egész öt tized»

# Plural forms by language, in the order of num2words' ``pluralize``; one if it never changes.
_PERCENT: dict[str, tuple[str, ...]] = {
    "be": ("працэнт", "працэнты", "працэнтаў"), "bg": ("процента",), "bs": ("posto",),
    "ca": ("per cent",), "cs": ("procent",), "da": ("procent",), "de": ("prozent",),
    "el": ("τοις εκατό",), "en": ("percent",), "es": ("por ciento",), "fa": ("درصد",),
    "fi": ("prosenttia",), "fr": ("pour cent",), "he": ("אחוז",), "hr": ("posto",),
    "hu": ("százalék",), "id": ("persen",), "it": ("per cento",), "ja": ("パーセント",),
    "ko": ("퍼센트",),
    "nl": ("procent",), "no": ("prosent",), "pl": ("procent",), "pt": ("por cento",),
    "ro": ("la sută",), "ru": ("процент", "процента", "процентов"), "sr": ("posto",),
    "sv": ("procent",), "uk": ("відсоток", "відсотки", "відсотків"), "vi": ("phần trăm",),
}  # fmt: skip
_DEGREES: dict[str, tuple[str, ...]] = {
    "be": ("градус", "градусы", "градусаў"), "bg": ("градуса",), "de": ("grad",),
    "en": ("degrees",), "es": ("grados",), "fr": ("degrés",), "it": ("gradi",),
    "ru": ("градус", "градуса", "градусов"), "uk": ("градус", "градуси", "градусів"),
}  # fmt: skip
_AFTER_NUMBER = {"%": _PERCENT, "°": _DEGREES}
_BEFORE_NUMBER = {"tr": ("%", "yüzde")}  # «%5», and also «5 %»: «yüzde beş»

_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₽": "RUB", "₴": "UAH", "₪": "ILS"}
_ANY_SIGN = f"[{''.join(_SIGNS)}]"
# Without a digit or one of these signs there is nothing to spell: nine texts of ten, in which the
# search for each kind of number would take most of the time of a score.
_TO_SPELL = re.compile(rf"[\d{''.join(_SIGNS)}{MINUS}{POWER}+=%°]")
_ABBREVIATIONS = {  # written after the number
    "be": {"руб": "BYN"}, "cs": {"kč": "CZK"}, "pl": {"zł": "PLN"}, "ru": {"руб": "RUB"},
    "sr": {"din": "RSD", "дин": "RSD"}, "uk": {"грн": "UAH"},
}  # fmt: skip
# Languages whose currency names in num2words are correct; others use ``_MONEY_NAMES``.
_MONEY = frozenset([
    "be", "ca", "de", "en", "es", "fi", "fr", "he", "it", "lt", "lv", "nl", "pl", "pt", "ru",
    "uk",
])  # fmt: skip
_MONEY_NAMES = {  # singular, plural
    "bg": {"EUR": ("евро", "евро"), "GBP": ("паунд", "паунда"), "USD": ("долар", "долара")},
    "bs": {"EUR": ("euro", "eura"), "USD": ("dolar", "dolara")},
    "cs": {"CZK": ("koruna", "korun"), "EUR": ("euro", "eur"), "USD": ("dolar", "dolarů")},
    "da": {"EUR": ("euro", "euro"), "USD": ("dollar", "dollar")},
    "el": {"EUR": ("ευρώ", "ευρώ"), "GBP": ("λίρα", "λίρες"), "USD": ("δολάριο", "δολάρια")},
    "hr": {"EUR": ("euro", "eura"), "USD": ("dolar", "dolara")},
    "ro": {"EUR": ("euro", "euro"), "USD": ("dolar", "dolari")},
    "sr": {"EUR": ("evro", "evra"), "RSD": ("dinar", "dinara"), "USD": ("dolar", "dolara")},
    "sv": {"EUR": ("euro", "euro"), "USD": ("dollar", "dollar")},
}
_CENT_NAMES = {"bg": ("цент", "цента"), "el": ("λεπτό", "λεπτά")}
_NOUN_LAST = {"be", "lv"}  # «беларускіх рублёў», but «dólares estadounidenses»
_EUROS = (("euro", "euros"), ("cent", "cents"))  # num2words has the official plural, «euro»
_ONE_BEFORE_NOUN = {"ca": "un", "de": "ein", "es": "un", "it": "un"}  # before a noun

# Suffixes of ordinals (regex), options for num2words, and the ending that its words need.
_ORDINALS: dict[str, tuple[tuple[str, dict[str, str], str], ...]] = {
    "en": (("st|nd|rd|th", {}, ""),),
    "es": (("o|er", {}, ""), ("a", {}, "a")),
    "fr": (("er|e|ème|eme", {}, ""), ("re", {}, "ière")),
    "it": (("o", {}, ""), ("a", {}, "a")),
    "pt": (("o", {}, ""), ("a", {}, "a")),
    "ru": (
        ("-?(?:й|ый|ий|ой)", {}, ""),
        ("-?(?:я|ая)", {"gender": "f"}, ""),
        ("-?(?:е|ое)", {"gender": "n"}, ""),
    ),
}


def spell_numbers(text: str, language: str) -> str:
    """Spell out numbers, money, percent and ordinals; numbers without words become ASCII digits.

    Args:
        text: any text in NFKC.
        language: ISO 639 code.
    """
    if not _TO_SPELL.search(text):
        return text
    text = re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), text)
    text = re.sub(r"(?<![\w.,])\.(?=[0-9])", "0.", text)  # «$.25» is 25 cents
    cyrillic = re.search("[а-яА-Я]", text) is not None

    def words(spoken: str) -> str:
        # If digits stay, add no spaces around them: «9-та», «UB2006».
        if not any(map(str.isalpha, spoken)):
            return spoken
        return f" {in_script(spoken, language, 'cyrillic') if cyrillic else spoken} "

    text = spell_signs(text, language, words)
    number, money = _patterns(language)
    text = money.sub(lambda m: words(_money(m, language)), text)
    for sign, forms in _AFTER_NUMBER.items():
        if language in forms:
            text = re.sub(
                rf"({number})\s?{sign}",
                lambda m, f=forms[language]: words(_with_unit(m[1], f, language)),  # type: ignore[misc]
                text,
            )
            text = text.replace(sign, words(forms[language][-1]))
    if language in _BEFORE_NUMBER:
        sign, word = _BEFORE_NUMBER[language]
        text = re.sub(rf"{sign}\s?({number})|({number})\s?{sign}", rf" {word} \1\2 ", text)
    for suffix, options, ending in _ORDINALS.get(language, ()):
        text = re.sub(
            rf"\b([0-9]{{1,{_MAX_DIGITS}}})\.?(?:{suffix})\b",
            lambda m, o=options, e=ending: words(_ordinal(m[1], language, o, e)),  # type: ignore[misc]
            text,
        )
    text = re.sub(number, lambda m: words(_kept_decimal(_number(m[0], language))), text)
    # A sign without a number: «a few €».
    return re.sub(_ANY_SIGN, lambda m: words(_name(_SIGNS[m[0]], 5, language) or m[0]), text)


@cache
def _patterns(language: str) -> tuple[str, re.Pattern[str]]:
    """Patterns of a number and of an amount of money."""
    group = _THOUSANDS_SEPARATOR.get(language)
    # Exactly three digits per group, so that «2020 3 000» is two numbers. A bound on the groups
    # keeps the search linear: in «1.1.1.…» a number may start at every digit.
    grouped = (
        rf"[0-9]{{1,3}}(?:[{group}][0-9]{{3}}){{1,{_MAX_GROUPS}}}(?![0-9])(?:[.,][0-9]+)?|"
        if group
        else ""
    )
    number = rf"(?<![0-9])(?:{grouped}[0-9]+(?:[.,][0-9]+){{0,{_MAX_GROUPS}}})"
    signs = "|".join(map(re.escape, _SIGNS))
    short = "".join(rf"|{short}\b\.?" for short in _ABBREVIATIONS.get(language, ()))
    return number, re.compile(
        rf"(?P<before>{signs})\s?(?P<first>{number})"
        rf"|(?P<second>{number})\s?(?P<after>{signs}{short})",
        re.IGNORECASE,
    )


def _money(match: re.Match[str], language: str) -> str:
    token, sign = match["first"] or match["second"], (match["before"] or match["after"]).lower()
    code = _SIGNS.get(sign) or _ABBREVIATIONS[language][sign.rstrip(".")]
    whole, fraction = _parsed(token, language) or ("", "")
    if len(fraction) != 2 or not (cents := _name(code, int(fraction), language, part=1)):
        unit = _name(code, _plural_count(whole) if whole and not fraction else 5, language)
        number = _before_noun(token, language)
        if not unit and match["before"]:
            return f"{sign} {number}"
        return f"{number} {unit or sign}"
    units = f"{_before_noun(whole, language)} {_name(code, _plural_count(whole), language)}"
    small = f"{_before_noun(str(int(fraction)), language)} {cents}"
    return " ".join((units,) * bool(whole.strip("0")) + (small,) * (int(fraction) > 0)) or units


def _name(code: str, count: int, language: str, part: int = 0) -> str:
    """Name of a currency for ``count``, or of its cents if ``part`` is 1; empty if unknown."""
    if language not in _MONEY:
        names = _MONEY_NAMES.get(language, {}).get(code, ("", ""))
        return (_CENT_NAMES.get(language, ("", "")) if part else names)[count != 1]
    converter = CONVERTER_CLASSES[language]
    forms = _EUROS if (language, code) == ("en", "EUR") else converter.CURRENCY_FORMS.get(code)
    if forms is None:
        return ""
    # num2words adds the country in some languages («dólares estadounidenses»): keep the noun.
    words = str(converter.pluralize(count, forms[part])).split()
    return words[-1 if language in _NOUN_LAST else 0]


def _plural_count(digits: str) -> int:
    """The last digits as integer: they decide the plural, and int() rejects 5 000 digits."""
    return int(digits[-_MAX_DIGITS:])


def _before_noun(token: str, language: str) -> str:
    return (
        _ONE_BEFORE_NOUN[language]
        if token == "1" and language in _ONE_BEFORE_NOUN
        else _number(token, language)
    )


def _with_unit(token: str, forms: tuple[str, ...], language: str) -> str:
    whole, fraction = _parsed(token, language) or ("", "")
    if len(forms) > 1:
        plural = CONVERTER_CLASSES[language].pluralize
        # «3,5 процента»: a fraction takes the plural form of «two».
        forms = (plural(2 if fraction else _plural_count(whole or "5"), forms),)
    return f"{_number(token, language)} {forms[0]}"


def _ordinal(digits: str, language: str, options: dict[str, str], ending: str) -> str:
    spoken = str(num2words(int(digits), lang=language, to="ordinal", **options))
    if ending == "ière":
        return spoken.replace("premier", "première")
    return re.sub("o(?= |$)", ending, spoken) if ending else spoken


def _number(token: str, language: str) -> str:
    """Spell out a number, or each number of a date, version or telephone number."""
    parsed = _parsed(token, language)
    if parsed is None:
        return " ".join(_cardinal(digits, language) for digits in re.findall("[0-9]+", token))
    whole, fraction = parsed
    if not fraction:
        return _cardinal(whole, language)
    if language in _WHOLE_DECIMALS and len(token) <= _MAX_DIGITS:  # «три целых пять десятых»
        return str(num2words(f"{whole}.{fraction}", lang=language))
    if language not in _DECIMAL_WORD:
        return f"{whole}{token[-len(fraction) - 1]}{fraction}"
    word, one_by_one = _DECIMAL_WORD[language]
    zeros = len(fraction) - len(fraction.lstrip("0"))
    rest = fraction[zeros:]
    parts = list(fraction) if one_by_one else ["0"] * zeros + ([rest] if rest else [])
    return " ".join((_cardinal(whole, language), word, *(_cardinal(n, language) for n in parts)))


def _kept_decimal(spoken: str) -> str:
    return as_written(spoken) if re.fullmatch("[0-9]+[.,][0-9]+", spoken) else spoken


def _parsed(token: str, language: str) -> tuple[str, str] | None:
    """Split a number at its decimal mark; None if the token holds several numbers."""
    group = _THOUSANDS_SEPARATOR.get(language)
    thousands = rf"([0-9]{{1,3}}(?:[{group}][0-9]{{3}})+)(?:([.,])([0-9]+))?"
    grouped = group and re.fullmatch(thousands, token)
    if grouped and grouped[2] != group:
        return re.sub(r"[., ]", "", grouped[1]), grouped[3] or ""
    parts = re.split("[.,]", token)
    return (parts[0], "".join(parts[1:])) if len(parts) <= 2 else None


@lru_cache(maxsize=10_000)  # years and small numbers come again and again; num2words is slow
def _cardinal(digits: str, language: str) -> str:
    """Spell out an integer; keep its digits if num2words lacks the language."""
    num2words_language = _CARDINALS_OF.get(language, language)
    if num2words_language not in _CARDINAL_LANGUAGES:
        return digits
    one_by_one = len(digits) > _MAX_DIGITS or (digits[0] == "0" and len(digits) > 1)
    numbers = digits if one_by_one else [digits]
    spoken = " ".join(str(num2words(int(number), lang=num2words_language)) for number in numbers)
    for serbian, other in _CARDINAL_DIFFERENCES.get(language, ()):
        spoken = spoken.replace(serbian, other)
    return spoken
