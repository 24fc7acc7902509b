"""Compare transcripts: whether two have the same sentence, and whether one has digits."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")  # «_» is no letter
_TATWEEL = "\u0640"  # stretches a line in Arabic script; Unicode calls it a letter
_WRITTEN_NOT_SPOKEN = {"Nd", "Nl", "No", "Sc"}  # digits, other numbers, currency signs


def sentence_key(text: str) -> str:
    """Casefolded words in NFKC without punctuation; equal keys mean the same sentence.

    Not a normalizer for scores: it folds more than a score should, because here a false match only
    keeps two utterances in one split. Empty for a text without letters and digits.
    """
    folded = unicodedata.normalize("NFKC", text).replace(_TATWEEL, "").casefold()
    return " ".join(_WORD.findall(folded))


def has_digits(text: str) -> bool:
    """Whether digits or currency signs hide how a word is spoken: ``$0.25``, ``6x7=42``, ``½``."""
    return any(unicodedata.category(letter) in _WRITTEN_NOT_SPOKEN for letter in text)
