"""What stands in a transcript and was not said: Whisper's tokens, times, «[music]», «♪»."""

import re
import unicodedata

# «<|0.00|>», «<|he|>», «<|endoftext|>»
_TOKEN = r"<\|[^|<>]*\|>"
_TIME = (
    r"<\d{1,3}:\d{2}(?:[.:]\d{1,3})?>"  # of lyrics, word by word; a line's is in square brackets
)
_BRACKETED = r"\[[^\[\]]*\]|\{[^{}]*\}"
_TAG = r"</?[A-Za-z][^<>]*>"  # «<unk>», «<i>»
_ANNOTATION = re.compile(f"{_TOKEN}|{_TIME}|{_BRACKETED}|{_TAG}|[♩♪♫♬]")

# Maqaf, paseq, sof pasuq and nun hafukha lie among the points but stand between words:
# dropped, they would turn «בית־ספר» into one.
_BETWEEN_WORDS = re.compile("[\u05be\u05c0\u05c3\u05c6]")
_POINTS = re.compile("[\u0591-\u05c7]")
_LETTER_AND_POINT = re.compile("[\ufb1d-\ufb4f]")  # in one character: «\ufb2a»


def without_tokens(text: str) -> str:
    """The text with a space for each of Whisper's tokens."""
    return re.sub(_TOKEN, " ", text)


def without_annotations(text: str) -> str:
    """The text without what only describes it; as it is, to the last space, where there is nothing.

    That is what square and curly brackets hold, tags, times, tokens and notes. Round brackets stay,
    which may hold words, and so does an opening bracket that is never closed.
    """
    cleaned, found = text, 1
    while found:  # brackets in brackets
        cleaned, found = _ANNOTATION.subn(" ", cleaned)
    return text if cleaned == text else " ".join(cleaned.split())


def without_points(text: str) -> str:
    """Hebrew without niqqud and cantillation, U+0591 to U+05C7; a space between words."""
    apart = _LETTER_AND_POINT.sub(lambda one: unicodedata.normalize("NFKD", one[0]), text)
    return _POINTS.sub("", _BETWEEN_WORDS.sub(" ", apart))
