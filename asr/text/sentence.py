"""Compare transcripts: whether two have the same sentence, and whether one has digits."""

import unicodedata

import regex

from asr.text.scripts import in_script

# The marks of India and South-East Asia are vowels, and part of a word.
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*")
# Points of Hebrew, Arabic and Syriac and stress marks, which most writers leave out, what encloses
# a letter, and tatweel, which stretches a line in Arabic script. Letters such as «é» and «й» are
# one character here, by NFKC.
_OPTIONAL = regex.compile(
    r"[\p{M}&&[\p{Me}\p{Variation_Selector}\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a"
    r"\u064b-\u065f\u0670\u06d6-\u06ed\u0711\u0730-\u074a\u1dc0-\u1dff\u20d0-\u20ff]]|\u0640",
    regex.VERSION1,
)
WITHOUT_SPACES = frozenset({"ja", "km", "lo", "my", "th", "yue", "zh"})  # languages
_WRITTEN_NOT_SPOKEN = {"Nd", "Nl", "No", "Sc"}  # digits, other numbers, currency signs


def sentence_key(text: str) -> str:
    """Casefolded words in NFKC without punctuation; equal keys mean the same sentence.

    Not a normalizer for scores: it folds more than a score should, because here a false match only
    keeps two utterances in one split. Empty for a text without letters and digits.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_WORD.findall(without_optional_marks(folded)))


def unit_key(text: str, language: str) -> str:
    """``sentence_key`` of a text in its language: no split may share it with another.

    Serbian is the same sentence in both of its scripts, Chinese with a comma and without: there a
    comma would leave a space.
    """
    key = sentence_key(in_script(text, language, "latin"))
    return key.replace(" ", "") if language in WITHOUT_SPACES else key


def without_optional_marks(text: str) -> str:
    """A text in NFKC without what most writers leave out, such as niqqud and harakat."""
    plain: str = _OPTIONAL.sub("", text)
    return plain


def has_digits(text: str) -> bool:
    """Whether digits or currency signs hide how a word is spoken: ``$0.25``, ``6x7=42``, ``½``."""
    return any(unicodedata.category(letter) in _WRITTEN_NOT_SPOKEN for letter in text)
