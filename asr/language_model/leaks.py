"""Stop if a text has sentences of dev or test: the score would be of a model that knew them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from asr.core.errors import InputError
from asr.splits.near_duplicates import near_pairs
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance

NUM_SHOWN = 5
CHUNK = 20_000  # lines compared at once


class LeakCheck:
    """The sentences of dev and test in one language.

    A line of one word is no leak: a dictionary has all the words of a language, those of dev and
    test among them, and says nothing about which come.
    """

    def __init__(self, held_out: Sequence[Utterance], min_similarity: float) -> None:
        """Keep the sentences of at least two words; ``min_similarity`` 0 finds only equal ones."""
        by_key = {sentence_key(one.text): one.id for one in held_out}
        self._id_of = {key: name for key, name in by_key.items() if " " in key}
        self._keys = list(self._id_of)
        self._min_similarity = min_similarity

    def passed(self, lines: Iterable[str], name: str) -> Iterator[str]:
        """Yield the lines, checked.

        Raises:
            InputError: with the first pairs of a line and the utterance that has its sentence.
        """
        number, rest = 0, iter(lines)
        while chunk := list(islice(rest, CHUNK)):
            pairs = [(number + at + 1, line, found) for at, line, found in self._pairs(chunk)]
            if pairs:
                shown = "; ".join(
                    f"line {at} {line.strip()!r:.80} is {found}"
                    for at, line, found in pairs[:NUM_SHOWN]
                )
                raise InputError(
                    f"{name}: expected no sentence of dev or test, got {len(pairs)} in lines "
                    f"{number + 1} to {number + len(chunk)}: {shown}; remove them from the text"
                )
            number += len(chunk)
            yield from chunk

    def _pairs(self, lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
        keys = [sentence_key(line) for line in lines]
        several = [at for at, key in enumerate(keys) if " " in key]
        if not self._keys or not several:
            return
        if not self._min_similarity:
            yield from ((at, lines[at], self._id_of[keys[at]]) for at in several
                        if keys[at] in self._id_of)  # fmt: skip
            return
        near = near_pairs([keys[at] for at in several], self._keys, self._min_similarity)
        for index, other in near:
            yield several[index], lines[several[index]], self._id_of[self._keys[other]]
