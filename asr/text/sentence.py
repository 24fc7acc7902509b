"""What a sentence is, when two transcripts are asked whether they are the same one."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")  # «_» is no letter
_WRITTEN_NOT_SPOKEN = {"Nd", "Nl", "No", "Sc"}  # digits, other numbers, currency signs


def sentence_key(text: str) -> str:
    """The words alone: no case, no punctuation, no difference between ways to encode a letter.

    Not a normalizer for scores: it may fold more than a score should, since here a false match only
    keeps two utterances together. Empty for a text without letter or digit.
    """
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def has_digits(text: str) -> bool:
    """Whether digits or currency signs hide how a word is spoken: ``$0.25``, ``6x7=42``, ``½``."""
    return any(unicodedata.category(letter) in _WRITTEN_NOT_SPOKEN for letter in text)
