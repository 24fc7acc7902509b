"""Remove from transcripts what nobody said: Whisper's tokens, times, «[music]», «♪», points."""

import re
import unicodedata

# «<|0.00|>», «<|he|>», «<|endoftext|>»
_TOKEN = r"<\|[^|<>]*\|>"
_TIME = (
    r"<\d{1,3}:\d{2}(?:[.:]\d{1,3})?>"  # before a word in .lrc; a line's time is in square brackets
)
_BRACKETED = r"\[[^\[\]]*\]|\{[^{}]*\}"
_TAG = r"</?[A-Za-z][^<>]*>"  # «<unk>», «<i>»
_ANNOTATION = re.compile(f"{_TOKEN}|{_TIME}|{_BRACKETED}|{_TAG}|[♩♪♫♬]")

# Maqaf, paseq, sof pasuq and nun hafukha have codes among the points, but they separate words:
# without a space for the maqaf, «בית־ספר» would become one word.
_BETWEEN_WORDS = re.compile("[\u05be\u05c0\u05c3\u05c6]")
_POINTS = re.compile("[\u0591-\u05c7]")
_LETTER_AND_POINT = re.compile("[\ufb1d-\ufb4f]")  # one character for both: «\ufb2a»


def without_tokens(text: str) -> str:
    """Replace each of Whisper's tokens, such as ``<|he|>``, by a space."""
    return re.sub(_TOKEN, " ", text)


def without_annotations(text: str) -> str:
    """Remove text in square and curly brackets, tags, times, tokens and note signs.

    A text without any is returned unchanged, extra spaces included. Round brackets stay, because
    they may hold spoken words; so does an opening bracket that is never closed.
    """
    cleaned, found = text, 1
    while found:  # one pass removes only the innermost brackets
        cleaned, found = _ANNOTATION.subn(" ", cleaned)
    return text if cleaned == text else " ".join(cleaned.split())


def without_points(text: str) -> str:
    """Remove niqqud and cantillation (U+0591 to U+05C7); a maqaf and the like become a space."""
    apart = _LETTER_AND_POINT.sub(lambda one: unicodedata.normalize("NFKD", one[0]), text)
    return _POINTS.sub("", _BETWEEN_WORDS.sub(" ", apart))
