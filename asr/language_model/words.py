"""The words of a text, in the form in which the language model counts and looks them up.

Transcripts, texts, word lists and hypotheses all take this form, so the model hangs neither on
``train.text`` nor on the normalizers of the score: case, punctuation, Hebrew points, and the script
of Bosnian, Croatian and Serbian make no difference.
"""

import unicodedata
from collections.abc import Sequence

import regex

from asr.text.cleaning import without_points
from asr.text.scripts import in_script

FORM = "lower case, NFC, no punctuation, 1"  # stored with the model; another form, another model
DESCRIPTION = "lm.json"  # in the folder of the models; the others in the folder of a language
VOCABULARY, WORDS, LETTERS = "vocabulary.txt", "words.arpa", "letters.arpa"
_HEBREW = frozenset({"he", "yi"})
_APOSTROPHES = str.maketrans("’ʼ`", "'''")
# A hyphen parts words: «по-русски» is two. An apostrophe inside a word stays: «аб'ект».
_BETWEEN_SENTENCES = regex.compile(r"(?<=[.!?…։؟।])\s+|\s*\n\s*")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:'[\p{L}\p{M}\p{N}]+)*")


def words_of(text: str, language: str) -> list[str]:
    """The words of a text, in order; empty for a text without letters and digits."""
    if language in _HEBREW:
        text = without_points(text)
    text = in_script(text, language, "latin").translate(_APOSTROPHES)
    words: list[str] = _WORD.findall(unicodedata.normalize("NFC", text).lower())
    return words


def sentences_of(line: str) -> list[str]:
    """The sentences of a line of text, which may be a whole paragraph or article."""
    return [part for part in _BETWEEN_SENTENCES.split(line) if part]


def is_number(word: str) -> bool:
    """Whether a word is in digits: no list has all of them, so none is unknown."""
    return word.isdigit()


def spelled(word: str) -> str:
    """A word as a sentence of letters, for an n-gram of letters."""
    return " ".join(word)


def share_of_letters(words: Sequence[str], letters: frozenset[str]) -> float:
    """The share of words that ``letters`` suffice to write."""
    return sum(letters.issuperset(word) for word in words) / max(1, len(words))
