"""A text as units to force through a decoder: letter by letter, or in the tokens of its words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Tokenize = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class Units:
    """Tokens of a text, and what they belong to.

    Attributes:
        tokens: that the decoder reads.
        words: index of each token's word in ``text.split()``, shape (num_tokens,).
        spoken: whether a token has letters or digits, shape (num_tokens,): punctuation is forced
            through the decoder too, as it was trained, but takes no time.
    """

    tokens: list[int]
    words: npt.NDArray[np.int_]
    spoken: npt.NDArray[np.bool_]


def letter_units(text: str, tokenize: Tokenize, starts_with_space: bool) -> Units:
    """Force each letter alone, with the space before it if it begins a word."""
    words = _words(text, starts_with_space)
    pieces = [
        (index, space + letter if place == 0 else letter)
        for index, (space, word) in enumerate(words)
        for place, letter in enumerate(word)
    ]
    return _units(pieces, tokenize)


def word_units(text: str, tokenize: Tokenize, starts_with_space: bool) -> Units:
    """Force each word in the tokens that the model is used to."""
    words = _words(text, starts_with_space)
    return _units([(index, space + word) for index, (space, word) in enumerate(words)], tokenize)


def _words(text: str, starts_with_space: bool) -> list[tuple[str, str]]:
    """Each word and what stands before it: a space, or nothing before the first."""
    words = text.split()
    return [(" " if index or starts_with_space else "", word) for index, word in enumerate(words)]


def _units(pieces: Sequence[tuple[int, str]], tokenize: Tokenize) -> Units:
    tokens, words, spoken = [], [], []
    for word, piece in pieces:
        own = list(tokenize(piece))
        tokens += own
        words += [word] * len(own)
        spoken += [any(map(str.isalnum, piece))] * len(own)
    return Units(tokens, np.array(words, int), np.array(spoken, bool))


def word_probabilities(log_probs: npt.NDArray[np.float64], units: Units) -> npt.NDArray[np.float64]:
    """Probability of each word, by the mean over its tokens; shape (num_words,)."""
    num_words = int(units.words.max()) + 1 if len(units.words) else 0
    sums = np.bincount(units.words, log_probs, num_words)
    counts = np.bincount(units.words, minlength=num_words)
    return np.exp(sums / np.maximum(counts, 1))
