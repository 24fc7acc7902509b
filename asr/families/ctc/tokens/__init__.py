"""Tokens role: count labels and frames.

The stage ``split`` counts before there is a vocabulary: that is made by ``train``, from the
transcripts of train, and saved with the tuned model. So letters are counted here as they stand.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from asr.families.ctc.tokens.description import Description, read_description
from asr.families.ctc.tokens.vocabulary import Vocabulary, read_vocabulary, spelling
from asr.utterances.waveform import SAMPLE_RATE


def max_labels(description: Description, duration_s: float) -> int:
    """One label for each frame, and one more for the boundary behind the last word.

    Each transcript counts that boundary, so that the counts of joined ones add up.
    """
    return description.num_frames(round(duration_s * SAMPLE_RATE)) + 1


@dataclass(frozen=True)
class CtcTokens:
    """Counts labels without torch; implements ``TextTokens`` and ``HasAlphabet``."""

    description: Description
    vocabulary: Vocabulary

    def num_labels(self, text: str, language: str) -> int:
        """Frames that a transcript needs: its characters, and a blank between two equal ones.

        With pieces of words only the fewest are known, a piece and a boundary for each word;
        training counts them anew.
        """
        spelled = spelling(text, lower=False)
        if self.description.num_pieces:
            return 2 * len(spelled.split())
        repeated = sum(a == b for a, b in pairwise(spelled))
        return len(spelled) + repeated + 1

    def max_labels(self, duration_s: float) -> int:
        """Frames of a clip; see ``max_labels``."""
        return max_labels(self.description, duration_s)

    def unknown_letters(self, texts: Iterable[str]) -> Counter[str]:
        """See ``asr.families.protocols.HasAlphabet``."""
        return self.vocabulary.unknown_letters(texts)


def open_tokens(model: Path) -> CtcTokens:
    """Read description and vocabulary of a model folder."""
    return CtcTokens(read_description(model), read_vocabulary(model))
