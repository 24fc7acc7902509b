"""Numbers as they are spoken: «$25» is «twenty-five dollars», «5 %» is «cinq pour cent».

Cardinals, ordinals and the names of money are num2words', where it has the language; elsewhere
(Bulgarian, Greek, Hindi) digits stay, and only signs are spelled. What is no single number (a date,
a version, a telephone number) is read number by number.
"""

import re
import unicodedata
from functools import cache

from num2words import CONVERTER_CLASSES, num2words

from asr.text.scripts import in_script

_LONGEST_NUMBER = 9  # digits; a longer one is a telephone number, read digit by digit
# Asked for "fil", num2words counts in Finnish, "fi"; its Amharic fails on large numbers.
_COUNTED = CONVERTER_CLASSES.keys() - {"am"}
_COUNTED_LIKE = {"bs": "sr", "hr": "sr"}
_COUNTED_OTHERWISE = {  # than in Serbian
    "bs": (("dvesta", "dvjesta"), ("dve", "dvije")),
    "hr": (("dvesta", "dvjesto"), ("trista", "tristo"), ("dve", "dvije"), ("hiljad", "tisuć"),
           ("milion", "milijun")),
}  # fmt: skip

_GROUPED_BY = dict.fromkeys([
    "bs", "ca", "da", "de", "el", "es", "hr", "id", "it", "nl", "pt", "ro", "sl", "sr", "tr",
    "vi",
], ".")  # fmt: skip
_GROUPED_BY |= dict.fromkeys(["en", "he", "hi", "ja", "ko", "th", "zh"], ",")
# Not where digits stay: two numbers would become one.
_GROUPED_BY |= dict.fromkeys([
    "be", "cs", "fi", "fr", "hu", "lt", "lv", "no", "pl", "ru", "sk", "sv", "uk",
], " ")  # fmt: skip
# The word between a number and its fraction, and whether that is read digit by digit.
_POINT = {
    "be": ("коска", False), "bs": ("zarez", False), "ca": ("coma", False), "da": ("komma", True),
    "de": ("komma", True), "en": ("point", True), "es": ("coma", False), "fi": ("pilkku", True),
    "fr": ("virgule", False), "he": ("נקודה", True), "hr": ("zarez", False),
    "it": ("virgola", False), "nl": ("komma", True), "no": ("komma", True),
    "pl": ("przecinek", False), "pt": ("vírgula", False), "ro": ("virgulă", False),
    "sr": ("zarez", False), "sv": ("komma", True), "uk": ("кома", False),
}  # fmt: skip

# By language, as many forms as num2words' plurals have; one where it never changes.
_PERCENT = {
    "be": ("працэнт", "працэнты", "працэнтаў"), "bg": ("процента",), "bs": ("posto",),
    "ca": ("per cent",), "cs": ("procent",), "da": ("procent",), "de": ("prozent",),
    "el": ("τοις εκατό",), "en": ("percent",), "es": ("por ciento",), "fi": ("prosenttia",),
    "fr": ("pour cent",), "he": ("אחוז",), "hr": ("posto",), "it": ("per cento",),
    "nl": ("procent",), "no": ("prosent",), "pl": ("procent",), "pt": ("por cento",),
    "ro": ("la sută",), "ru": ("процент", "процента", "процентов"), "sr": ("posto",),
    "sv": ("procent",), "uk": ("відсоток", "відсотки", "відсотків"),
}  # fmt: skip

_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₽": "RUB", "₴": "UAH", "₪": "ILS"}
_ABBREVIATIONS = {  # behind the number
    "be": {"руб": "BYN"}, "cs": {"kč": "CZK"}, "pl": {"zł": "PLN"}, "ru": {"руб": "RUB"},
    "sr": {"din": "RSD", "дин": "RSD"}, "uk": {"грн": "UAH"},
}  # fmt: skip
# Where num2words has money's names, and has them right; elsewhere those that are given here.
_MONEY = frozenset([
    "be", "ca", "de", "en", "es", "fi", "fr", "he", "it", "lt", "lv", "nl", "pl", "pt", "ru",
    "uk",
])  # fmt: skip
_MONEY_NAMES = {  # of one and of many
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
_NAMED_LAST = {"be", "lv"}  # «беларускіх рублёў», but «dólares estadounidenses»
_EUROS = (("euro", "euros"), ("cent", "cents"))  # num2words has the official plural, «euro»
_ONE_OF = {"ca": "un", "de": "ein", "es": "un", "it": "un"}  # before a noun

# What stands behind a digit, and how the words of num2words are changed for it.
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
    """Words for numbers, money, percent and ordinals; ASCII digits where there are no words.

    Args:
        text: in NFKC.
        language: ISO 639 code.
    """
    text = re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), text)
    if not re.search("[0-9]", text):
        return text
    cyrillic = re.search("[а-яА-Я]", text) is not None

    def words(spoken: str) -> str:
        # Digits that stay digits stay where they are: «9-та», «UB2006».
        if not any(map(str.isalpha, spoken)):
            return spoken
        return f" {in_script(spoken, language, 'cyrillic') if cyrillic else spoken} "

    number, money = _patterns(language)
    text = money.sub(lambda m: words(_money(m, language)), text)
    if language in _PERCENT:
        text = re.sub(rf"({number})\s?%", lambda m: words(_percent(m[1], language)), text)
    for suffix, options, ending in _ORDINALS.get(language, ()):
        text = re.sub(
            rf"\b([0-9]{{1,{_LONGEST_NUMBER}}})\.?(?:{suffix})\b",
            lambda m, o=options, e=ending: words(_ordinal(m[1], language, o, e)),  # type: ignore[misc]
            text,
        )
    return re.sub(number, lambda m: words(_number(m[0], language)), text)


@cache
def _patterns(language: str) -> tuple[str, re.Pattern[str]]:
    """What a number looks like, and an amount of money."""
    group = _GROUPED_BY.get(language)
    # Three digits a group, so that «2020 3 000» are two numbers.
    grouped = rf"[0-9]{{1,3}}(?:[{group}][0-9]{{3}})+(?![0-9])(?:[.,][0-9]+)?|" if group else ""
    number = rf"(?<![0-9])(?:{grouped}[0-9]+(?:[.,][0-9]+)*)"
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
        unit = _name(code, _last(whole) if whole and not fraction else 5, language)
        return f"{_before_noun(token, language)} {unit}"
    units = f"{_before_noun(whole, language)} {_name(code, _last(whole), language)}"
    small = f"{_before_noun(str(int(fraction)), language)} {cents}"
    return " ".join((units,) * bool(whole.strip("0")) + (small,) * (int(fraction) > 0)) or units


def _name(code: str, count: int, language: str, part: int = 0) -> str:
    """Of ``count`` of a money, or with ``part`` 1 of its hundredths; empty where it isn't known."""
    if language not in _MONEY:
        names = _MONEY_NAMES.get(language, {}).get(code, ("", ""))
        return (_CENT_NAMES.get(language, ("", "")) if part else names)[count != 1]
    converter = CONVERTER_CLASSES[language]
    forms = _EUROS if (language, code) == ("en", "EUR") else converter.CURRENCY_FORMS.get(code)
    if forms is None:
        return ""
    # The sign says which dollars: nobody adds that they are of the United States.
    words = str(converter.pluralize(count, forms[part])).split()
    return words[-1 if language in _NAMED_LAST else 0]


def _last(digits: str) -> int:
    """What a plural depends on; Python makes no integer of 5 000 digits."""
    return int(digits[-_LONGEST_NUMBER:])


def _before_noun(token: str, language: str) -> str:
    return _ONE_OF[language] if token == "1" and language in _ONE_OF else _number(token, language)


def _percent(token: str, language: str) -> str:
    forms, (whole, fraction) = _PERCENT[language], _parsed(token, language) or ("", "")
    if len(forms) > 1:
        plural = CONVERTER_CLASSES[language].pluralize
        # «3,5 процента»: a fraction governs as «two» does.
        forms = (plural(2 if fraction else _last(whole or "5"), forms),)
    return f"{_number(token, language)} {forms[0]}"


def _ordinal(digits: str, language: str, options: dict[str, str], ending: str) -> str:
    spoken = str(num2words(int(digits), lang=language, to="ordinal", **options))
    if ending == "ière":
        return spoken.replace("premier", "première")
    return re.sub("o(?= |$)", ending, spoken) if ending else spoken


def _number(token: str, language: str) -> str:
    """Words for one number, or for each of several."""
    parsed = _parsed(token, language)
    decimal = language in _POINT or (language == "ru" and len(token) <= _LONGEST_NUMBER)
    if parsed is None or (parsed[1] and not decimal):
        return " ".join(_cardinal(digits, language) for digits in re.findall("[0-9]+", token))
    whole, fraction = parsed
    if not fraction:
        return _cardinal(whole, language)
    if language == "ru":  # «три целых пять десятых»
        return str(num2words(f"{whole}.{fraction}", lang="ru"))
    word, one_by_one = _POINT[language]
    zeros = len(fraction) - len(fraction.lstrip("0"))
    rest = fraction[zeros:]
    read = list(fraction) if one_by_one else ["0"] * zeros + ([rest] if rest else [])
    return " ".join((_cardinal(whole, language), word, *(_cardinal(n, language) for n in read)))


def _parsed(token: str, language: str) -> tuple[str, str] | None:
    """Digits before and after the decimal mark, or None for what is no single number."""
    group = _GROUPED_BY.get(language)
    thousands = rf"([0-9]{{1,3}}(?:[{group}][0-9]{{3}})+)(?:([.,])([0-9]+))?"
    grouped = group and re.fullmatch(thousands, token)
    if grouped and grouped[2] != group:
        return re.sub(r"[., ]", "", grouped[1]), grouped[3] or ""
    parts = re.split("[.,]", token)
    return (parts[0], "".join(parts[1:])) if len(parts) <= 2 else None


def _cardinal(digits: str, language: str) -> str:
    """Words for an integer, or its digits where there are none for the language."""
    counted = _COUNTED_LIKE.get(language, language)
    if counted not in _COUNTED:
        return digits
    one_by_one = len(digits) > _LONGEST_NUMBER or (digits[0] == "0" and len(digits) > 1)
    numbers = digits if one_by_one else [digits]
    spoken = " ".join(str(num2words(int(number), lang=counted)) for number in numbers)
    for serbian, other in _COUNTED_OTHERWISE.get(language, ()):
        spoken = spoken.replace(serbian, other)
    return spoken
