"""Niqqud and cantillation: the points that Hebrew may be written with, U+0591 to U+05C7."""

import re

# Maqaf, paseq, sof pasuq and nun hafukha lie among the points but stand between words:
# dropped, they would turn «בית־ספר» into one.
_BETWEEN_WORDS = re.compile("[\u05be\u05c0\u05c3\u05c6]")
_POINTS = re.compile("[\u0591-\u05c7]")


def without_points(text: str, maqaf: str = " ") -> str:
    """The letters alone; letter and point in one character («שׁ») are to be taken apart before.

    Args:
        text: in NFKC or NFD.
        maqaf: what to write for it and for the other signs that part words.
    """
    return _POINTS.sub("", _BETWEEN_WORDS.sub(maqaf, text))
