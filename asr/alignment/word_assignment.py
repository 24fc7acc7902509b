"""Assign the words of a long transcript to the pieces of its recording, by rough hypotheses.

A recording that was cut at its pauses has many pieces but one transcript. Even a model that is bad
at the language gets enough letters right to match words with pieces. The cuts between words
minimize the edit distance in letters between texts and hypotheses, summed over all pieces. Each
word is assigned to exactly one piece.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

_Costs = npt.NDArray[np.int32]
_INFINITE = np.int32(1 << 28)  # more than any transcript has letters
# A model that is bad at the language writes other letters, but as many as were said. So a surplus
# of letters on one side betrays words without speech, or speech without words; errors don't.
# Each letter that both sides have lowers it by this: bad models leave out more than they add.
_FORGIVEN = 0.2
_SURPLUS = 10.0  # letters that give a confidence of 0; docs/corpora.md has the measurement


@dataclass(frozen=True)
class AssignedWords:
    """The words of one piece.

    Attributes:
        text: part of the transcript, unchanged; empty if no word is assigned.
        agreement: 1 - edit distance / letters of the longer of text and hypothesis.
        certainty: of the less certain of the piece's two cuts, 0 to 1. It is the rise of
            the edit distance if the word beside the cut moves to the other piece, as a fraction
            of the word's letters. 0 if the word is in neither hypothesis.
        evenness: 1 - surplus / 10, at least 0, where surplus is the most letters that text or
            hypothesis has more than the other within a stretch of the piece.
    """

    text: str
    agreement: float
    certainty: float
    evenness: float

    @property
    def confidence(self) -> float:
        """That these words, and only they, are said in the piece, 0 to 1: the least of three.

        Agreement alone does not suffice: one word on the wrong side of a cut, or a short sentence
        that nobody says, changes it only little in a long piece.
        """
        return min(self.agreement, self.certainty, self.evenness)


def assign_words(transcript: str, hypotheses: Sequence[str]) -> list[AssignedWords]:
    """Assign a transcript's words to pieces, in order.

    The texts joined by spaces are the transcript with single spaces. Cuts lie between words, at
    the least edit distance in letters. Of equally good cuts the latest is taken, so a word that is
    in no hypothesis stays with the words before it.

    Time grows with letters of the transcript times letters of the hypotheses: 15 minutes of
    speech, 12 000 letters, take two seconds.

    Args:
        transcript: of the whole recording.
        hypotheses: one for each piece, at least one.
    """
    words = transcript.split()
    letters = [_letters(word) for word in words]
    # bounds[n]: letters before word n; a word without letters has the same bound as the next.
    bounds = np.cumsum([0, *(len(word) for word in letters)])
    transcript_codes = _codes("".join(letters))
    hypothesis_codes = [_codes(_letters(hypothesis)) for hypothesis in hypotheses]
    cuts = _cuts(transcript_codes, hypothesis_codes, bounds)

    def distance(piece: int, start: int, end: int) -> int:
        own = transcript_codes[bounds[start] : bounds[end]]
        return int(_row(np.arange(len(own) + 1, dtype=np.int32), hypothesis_codes[piece], own)[-1])

    def certainty(cut: int) -> float:
        """Certainty of the cut before a piece, 0 to 1."""
        before, at, after = cuts[cut - 1 : cut + 2]
        best = distance(cut - 1, before, at) + distance(cut, at, after)
        sure = 1.0
        for other in (at - 1, at + 1):
            size = len(letters[min(at, other)]) if before <= other <= after else 0
            if size:
                moved = distance(cut - 1, before, other) + distance(cut, other, after)
                sure = min(sure, (moved - best) / size)
        return sure

    sure = [1.0, *(certainty(cut) for cut in range(1, len(hypothesis_codes))), 1.0]
    assigned = []
    for piece, (start, end) in enumerate(pairwise(cuts)):
        num = max(int(bounds[end] - bounds[start]), len(hypothesis_codes[piece]), 1)
        agreement = 1 - distance(piece, start, end) / num
        text = " ".join(words[start:end])
        evenness = _evenness(text, hypotheses[piece])
        assigned.append(AssignedWords(text, agreement, min(sure[piece], sure[piece + 1]), evenness))
    return assigned


def _evenness(text: str, hypothesis: str) -> float:
    """See ``AssignedWords``."""
    most = more_text = more_speech = 0.0
    for op in Levenshtein.opcodes(_letters(text), _letters(hypothesis)):
        in_text, in_speech = op.src_end - op.src_start, op.dest_end - op.dest_start
        extra, forgiven = in_text - in_speech, _FORGIVEN * min(in_text, in_speech)
        more_text = max(0.0, more_text + extra - forgiven)
        more_speech = max(0.0, more_speech - extra - forgiven)
        most = max(most, more_text, more_speech)
    return max(0.0, 1 - most / _SURPLUS)


def _letters(text: str) -> str:
    """Keep letters and digits only, NFKC-normalized and case-folded."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _codes(text: str) -> _Costs:
    return np.array([ord(letter) for letter in text], np.int32)


def _row(row: _Costs, hypothesis: _Costs, transcript: _Costs) -> _Costs:
    """Extend a row of the edit-distance matrix by more letters of the hypothesis.

    Args:
        row: ``row[n]`` is the cost so far with ``n`` letters of the transcript, shape
            (num_transcript + 1,).
        hypothesis: codes of the hypothesis's letters, shape (num_hypothesis,).
        transcript: codes of the transcript's letters, shape (num_transcript,).
    """
    steps = np.arange(len(row), dtype=np.int32)
    # Deletions: letters of the transcript that the hypothesis lacks, at a cost of 1 each.
    row = np.minimum.accumulate(row - steps) + steps
    for letter in hypothesis:
        changed = row[:-1] + (transcript != letter)
        row = row + 1
        np.minimum(row[1:], changed, out=row[1:])
        row = np.minimum.accumulate(row - steps) + steps
    return row


def _cuts(
    transcript: _Costs, hypotheses: Sequence[_Costs], bounds: npt.NDArray[np.int_]
) -> list[int]:
    """Index of each piece's first word, followed by the number of words."""
    row = np.full(len(transcript) + 1, _INFINITE, np.int32)
    row[0] = 0
    costs = []  # costs[piece][n]: of all pieces before it, if it begins with word n
    for piece in hypotheses:
        costs.append(row[bounds])
        between_words = np.full_like(row, _INFINITE)
        between_words[bounds] = _row(row, piece, transcript)[bounds]
        row = between_words
    cuts = [len(bounds) - 1]
    for before, piece in zip(reversed(costs), reversed(hypotheses), strict=True):
        # Backwards: the piece's cost from its end to each word that it may begin with.
        end = bounds[cuts[-1]]
        back = np.full(end + 1, _INFINITE, np.int32)
        back[0] = 0
        back = _row(back, piece[::-1], transcript[:end][::-1])
        total = before[: cuts[-1] + 1] + back[end - bounds[: cuts[-1] + 1]]
        cuts.append(len(total) - 1 - int(np.argmin(total[::-1])))
    # Leading words without letters have no cost, so the latest cut would skip them.
    cuts[-1] = 0
    return cuts[::-1]
