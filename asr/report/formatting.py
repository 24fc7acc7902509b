"""Format numbers, intervals and verdicts, and make control characters of untrusted text visible."""

import unicodedata

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
VERDICTS = {"inconclusive": "no sure difference"}  # the others as they are
# Joiners and direction marks are part of Persian, Indic and Hebrew spelling, and reorder nothing.
KEPT_CONTROLS = frozenset("\t\n\r\u061c\u200c\u200d\u200e\u200f")
CONTROLS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # of Unicode's general categories


def rate(value: float | None, digits: int = 2) -> str:
    """Format a fraction such as 0.41; None becomes a dash."""
    return NONE if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 2) -> str:
    """Format a fraction with its sign, such as +0.41; None becomes a dash."""
    return NONE if value is None else f"{value:+.{digits}f}".replace("-", MINUS)


def percent(value: float | None, digits: int = 0) -> str:
    """Format a share, such as 41 %; None becomes a dash."""
    return NONE if value is None else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def interval(ends: dict[str, float | None] | None, sign: bool = False) -> str:
    """Format an interval, such as [0.38, 0.44]; None becomes nothing."""
    if ends is None:
        return ""
    write = signed if sign else rate
    return f"[{write(ends['low'])}, {write(ends['high'])}]"


def count(value: int) -> str:
    """Format a count with a narrow space between thousands."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(value: int, noun: str) -> str:
    """Format a count with its noun, such as 1 word or 2 words."""
    return f"{count(value)}\N{NO-BREAK SPACE}{noun}{'' if value == 1 else 's'}"


def spaced(name: str) -> str:
    """Turn a key such as ``too_short`` into words."""
    return name.replace("_", " ")


def verdict_words(verdict: str) -> str:
    """Translate a verdict of stage ``compare`` for the page."""
    return VERDICTS.get(verdict, verdict)


def visible(text: str) -> str:
    """Replace control characters by their code points, such as ⟨U+202E⟩.

    U+202E and its like show the rest of a line backwards; a zero byte ends a text for some readers.
    """
    return "".join(_escape(char) if _is_hidden(char) else char for char in text)


def visible_char(char: str) -> str:
    """A single character as it can be read alone: a space as ␣, an accent on a dotted circle."""
    if char.isspace():
        return "␣"
    return f"◌{char}" if unicodedata.combining(char) else visible(char)


def direction(text: str) -> str:
    """``rtl`` or ``ltr``, by the first letter, for HTML's ``dir``.

    ``dir="auto"`` does not look into ``<bdi>``, where the words of an alignment are.
    """
    found = map(unicodedata.bidirectional, text)
    return "rtl" if next((one for one in found if one in ("L", "R", "AL")), "L") != "L" else "ltr"


def _is_hidden(char: str) -> bool:
    return char not in KEPT_CONTROLS and unicodedata.category(char) in CONTROLS


def _escape(char: str) -> str:
    return f"⟨U+{ord(char):04X}⟩"
