"""A long transcript dealt to the pieces of its recording, by what a model roughly hears in each.

A recording that was cut at its pauses has one transcript and many pieces. A model that is bad at
the language still hears enough letters to tell which words belong to which piece: word boundaries
are chosen so that the shares differ from the hypotheses in as few letters as possible, over all
pieces at once. No word is lost, none is used twice.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_Costs = npt.NDArray[np.int32]
_NEVER = np.int32(1 << 28)  # more than any transcript has letters


@dataclass(frozen=True)
class Share:
    """What a piece got.

    Attributes:
        text: of the transcript, as it is written there; empty where nobody speaks.
        agreement: 1 where the hypothesis has the same letters, 0 where it has none of them.
        sureness: of the less sure of its two cuts: by how many letters the pieces on both sides
            would agree less if the word beside the cut went to the other one, as a share of that
            word's letters; 0 to 1. A word that nobody heard could be on either side.
    """

    text: str
    agreement: float
    sureness: float


def deal(transcript: str, hypotheses: Sequence[str]) -> list[Share]:
    """Deal a transcript's words to pieces, in order.

    Joined by spaces the shares are the transcript, its white space folded. The cost is the edit
    distance in letters, and cuts lie between words; among equally good cuts the latest wins, so
    that a word that nobody heard stays with what was said before it.

    Takes time and memory as letters of transcript times letters of hypotheses in one row: 15
    minutes of speech, 12 000 letters, take two seconds.

    Args:
        transcript: of the whole recording.
        hypotheses: of its pieces, at least one.
    """
    words = transcript.split()
    letters = [_letters(word) for word in words]
    # bounds[n]: letters before word n; words without letters share their bound with the next.
    bounds = np.cumsum([0, *(len(word) for word in letters)])
    said = _codes("".join(letters))
    heard = [_codes(_letters(hypothesis)) for hypothesis in hypotheses]
    cuts = _cuts(said, heard, bounds)

    def distance(piece: int, start: int, end: int) -> int:
        own = said[bounds[start] : bounds[end]]
        return int(_row(np.arange(len(own) + 1, dtype=np.int32), heard[piece], own)[-1])

    def sureness(cut: int) -> float:
        """Of the cut before a piece."""
        before, at, after = cuts[cut - 1 : cut + 2]
        best = distance(cut - 1, before, at) + distance(cut, at, after)
        sure = 1.0
        for other in (at - 1, at + 1):
            size = len(letters[min(at, other)]) if before <= other <= after else 0
            if size:
                moved = distance(cut - 1, before, other) + distance(cut, other, after)
                sure = min(sure, (moved - best) / size)
        return sure

    sure = [1.0, *(sureness(cut) for cut in range(1, len(heard))), 1.0]
    shares = []
    for piece, (start, end) in enumerate(pairwise(cuts)):
        num = max(int(bounds[end] - bounds[start]), len(heard[piece]), 1)
        agreement = 1 - distance(piece, start, end) / num
        text = " ".join(words[start:end])
        shares.append(Share(text, agreement, min(sure[piece], sure[piece + 1])))
    return shares


def _letters(text: str) -> str:
    """Letters and digits alone, without case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _codes(text: str) -> _Costs:
    return np.array([ord(letter) for letter in text], np.int32)


def _row(row: _Costs, heard: _Costs, said: _Costs) -> _Costs:
    """The edit distance's row after some more letters were heard.

    Args:
        row: cost of having heard what came before, for each number of letters said; shape
            (num_said + 1,).
        heard: letters, shape (num_heard,).
        said: letters, shape (num_said,).
    """
    steps = np.arange(len(row), dtype=np.int32)
    # Letters that were said and not heard, which may follow anything.
    row = np.minimum.accumulate(row - steps) + steps
    for letter in heard:
        changed = row[:-1] + (said != letter)
        row = row + 1
        np.minimum(row[1:], changed, out=row[1:])
        row = np.minimum.accumulate(row - steps) + steps
    return row


def _cuts(said: _Costs, heard: Sequence[_Costs], bounds: npt.NDArray[np.int_]) -> list[int]:
    """Word number at which each piece begins, and the number of words."""
    row = np.full(len(said) + 1, _NEVER, np.int32)
    row[0] = 0
    costs = []  # by piece: the least cost until it begins, for each word that it may begin with
    for piece in heard:
        costs.append(row[bounds])
        between_words = np.full_like(row, _NEVER)
        between_words[bounds] = _row(row, piece, said)[bounds]
        row = between_words
    cuts = [len(bounds) - 1]
    for before, piece in zip(reversed(costs), reversed(heard), strict=True):
        # Backwards, from where the piece ends to every word that it may begin with.
        end = bounds[cuts[-1]]
        back = np.full(end + 1, _NEVER, np.int32)
        back[0] = 0
        back = _row(back, piece[::-1], said[:end][::-1])
        total = before[: cuts[-1] + 1] + back[end - bounds[: cuts[-1] + 1]]
        cuts.append(len(total) - 1 - int(np.argmin(total[::-1])))
    # Words without letters before the first one cost nothing anywhere.
    cuts[-1] = 0
    return cuts[::-1]
