"""Niqqud and cantillation: the points that Hebrew may be written with, U+0591 to U+05C7."""

import re
import unicodedata

# Maqaf, paseq, sof pasuq and nun hafukha lie among the points but stand between words:
# dropped, they would turn «בית־ספר» into one.
_BETWEEN_WORDS = re.compile("[\u05be\u05c0\u05c3\u05c6]")
_POINTS = re.compile("[\u0591-\u05c7]")
_LETTER_AND_POINT = re.compile("[\ufb1d-\ufb4f]")  # in one character: «\ufb2a»


def without_points(text: str) -> str:
    """The letters alone; a space where a sign parts two words."""
    apart = _LETTER_AND_POINT.sub(lambda one: unicodedata.normalize("NFKD", one[0]), text)
    return _POINTS.sub("", _BETWEEN_WORDS.sub(" ", apart))
