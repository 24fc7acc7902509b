"""Stop if a text has sentences of dev or test: the score would be of a model that knew them."""

from collections.abc import Iterable, Iterator, Sequence

from asr.core.errors import InputError
from asr.language_model.words import sentences_of
from asr.splits.near_duplicates import near_pairs
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance

NUM_SHOWN = 5
CHUNK = 1_000_000  # letters compared at once; with their runs of letters 14 MB


class LeakCheck:
    """The sentences of dev and test in one language, and the parts of those that have several.

    A paragraph is searched sentence by sentence. A word alone is no leak: a dictionary has all the
    words of a language, those of dev and test among them, and says nothing about which come.
    """

    def __init__(self, held_out: Sequence[Utterance], min_similarity: float) -> None:
        """Keep the sentences of at least two words; ``min_similarity`` 0 finds only equal ones."""
        by_key = {
            sentence_key(part): one.id
            for one in held_out
            for part in (*sentences_of(one.text), one.text)
        }
        self._id_of = {key: name for key, name in by_key.items() if " " in key}
        self._keys = list(self._id_of)
        self._min_similarity = min_similarity

    def passed(self, lines: Iterable[str], name: str) -> Iterator[str]:
        """Yield the lines, checked.

        Raises:
            InputError: with the first pairs of a line and the utterance that has its sentence.
        """
        number = 0
        for chunk in _chunks(lines):
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
        parts = [(at, part) for at, line in enumerate(lines) for part in sentences_of(line)]
        keys = [sentence_key(part) for _, part in parts]
        several = [index for index, key in enumerate(keys) if " " in key]
        if not self._keys or not several:
            return
        if not self._min_similarity:
            yield from ((*parts[index], self._id_of[keys[index]]) for index in several
                        if keys[index] in self._id_of)  # fmt: skip
            return
        near = near_pairs([keys[index] for index in several], self._keys, self._min_similarity)
        for index, other in near:
            yield (*parts[several[index]], self._id_of[self._keys[other]])


def _chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
