"""A token a letter; CTC has room for one a frame, and for a blank between two alike."""

from dataclasses import dataclass
from itertools import pairwise

from asr.core.files import read_json
from asr.families.toy.tokens.frames import num_frames


@dataclass(frozen=True)
class Letters:
    alphabet: str

    def ids(self, text):
        return [
            self.alphabet.index(letter) + 1 for letter in text.lower() if letter in self.alphabet
        ]

    def text(self, ids):
        return "".join(self.alphabet[i - 1] for i in ids)

    def num_labels(self, text, language):
        ids = self.ids(text)
        return len(ids) + sum(a == b for a, b in pairwise(ids))

    def max_labels(self, duration_s):
        return num_frames(duration_s)


def open_tokens(model):
    return Letters(read_json(model / "alphabet.json"))
