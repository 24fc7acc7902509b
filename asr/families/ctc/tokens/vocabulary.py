"""Letters, and pieces of words where wanted, as labels of CTC.

``vocab.json`` holds them in the form of transformers' ``Wav2Vec2CTCTokenizer``: a blank, a token
for letters that the vocabulary lacks, and ``|`` between words.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from asr.core.errors import InputError
from asr.core.files import read_json, write_json

FILE = "vocab.json"
BLANK, UNKNOWN, BOUNDARY = "<pad>", "<unk>", "|"
SPECIAL = (BLANK, UNKNOWN, BOUNDARY)
# Begins a word in SentencePiece's vocabularies, such as that of a pretrained Parakeet.
WORD_START = "▁"


def spelling(text: str, *, lower: bool) -> str:
    """A transcript as CTC learns it: NFC, single spaces, and in lower case if wanted."""
    text = text.replace(BOUNDARY, " ")
    return " ".join(unicodedata.normalize("NFC", text.lower() if lower else text).split())


@dataclass(frozen=True)
class Vocabulary:
    """The labels; the first is the blank.

    Attributes:
        tokens: ``SPECIAL``, then letters and pieces of words.
    """

    tokens: tuple[str, ...]

    @cached_property
    def ids(self) -> dict[str, int]:
        """Label of each token."""
        return {token: index for index, token in enumerate(self.tokens)}

    @cached_property
    def _written(self) -> dict[str, int]:
        return {token: label for token, label in self.ids.items() if token not in SPECIAL}

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._written), default=1)

    def labels(self, text: str) -> list[int]:
        """Labels of a text in ``spelling``: at each letter the longest piece that fits."""
        labels: list[int] = []
        for word in text.split():
            if labels:
                labels.append(self.ids[BOUNDARY])
            start = 0
            while start < len(word):
                pieces = (word[start : start + n] for n in range(self._longest, 0, -1))
                piece = next((one for one in pieces if one in self._written), UNKNOWN)
                labels.append(self.ids[piece])
                start += len(piece) if piece in self._written else 1
        return labels

    def text_of(self, labels: Iterable[int]) -> str:
        """The text of labels without blanks and repetitions."""
        tokens = ("" if label == self.ids[UNKNOWN] else self.tokens[label] for label in labels)
        return " ".join("".join(tokens).replace(BOUNDARY, " ").replace(WORD_START, " ").split())

    def unknown(self, texts: Iterable[str]) -> Counter[str]:
        """Count the characters of texts in ``spelling`` that the vocabulary lacks."""
        counts = Counter(character for text in texts for character in text if character != " ")
        return Counter({one: n for one, n in counts.items() if one not in self.ids})

    def unknown_letters(self, texts: Iterable[str]) -> Counter[str]:
        """Count letters and digits of any texts that no token has, as capitals or as small."""
        counts = Counter(c for text in texts for c in spelling(text, lower=False))
        known = set("".join(self._written))
        return Counter(
            {
                letter: n
                for letter, n in counts.items()
                if unicodedata.category(letter)[0] in "LMN"
                and known.isdisjoint((letter, letter.lower(), letter.upper()))
            }
        )


def frames_needed(labels: Sequence[int]) -> int:
    """Fewest frames that can write labels: between two equal ones stands a blank."""
    return len(labels) + sum(a == b for a, b in pairwise(labels))


def write_vocabulary(folder: Path, vocabulary: Vocabulary) -> None:
    """Write ``vocab.json``."""
    write_json(folder / FILE, vocabulary.ids)


def read_vocabulary(folder: Path) -> Vocabulary:
    """Read ``vocab.json`` as this family writes it.

    Raises:
        InputError: if the file is missing, or its labels are not 0, 1, 2 … from the blank on.
    """
    path = folder / FILE
    try:
        ids = read_json(path)
        tokens = tuple(sorted(ids, key=ids.__getitem__))
        wrong = sorted(ids.values()) != list(range(len(ids)))
    except (OSError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{path}: expected the labels by token, got {error}") from error
    if wrong or tokens[: len(SPECIAL)] != SPECIAL:
        raise InputError(
            f"{path}: expected labels from 0 on, the first for {', '.join(SPECIAL)}, got "
            f"{dict(list(ids.items())[:5])}"
        )
    return Vocabulary(tokens)
