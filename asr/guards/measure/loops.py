"""Loops: a piece of text that a decoder repeats again and again.

A loop is a piece of text, a letter or a sentence, that comes at least ``min_repeats`` times in
a row, if all of these have at least ``min_loop_chars`` characters. Pieces of characters instead of
words also find loops inside a word and in languages without spaces. Case and punctuation don't
count. Of the 7,151 sentences of the starter package's nine languages, 6 have a piece that comes
three times and has 12 characters («Агонь! Агонь! Агонь!»), and none one that comes four times and
has 6; so the default is four times and 10 characters.

Raunak et al. 2021, "The Curious Case of Hallucinations in Neural Machine Translation", call such
output oscillatory and compare the counts of bigrams with those of the source, which speech has not.
OpenAI's Whisper looks for text that zlib compresses by more than 2.4; five times «ha» compresses by
1.1, so a loop in a short clip escapes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import ceil
from typing import Any

from asr.guards.kinds import RECORDING
from asr.guards.params import GuardsParams
from asr.text.sentence import sentence_key
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance

NUM_EXAMPLES = 5


def find_loop(text: str, min_repeats: int, min_chars: int) -> str | None:
    """The first piece of a text that loops, without the repetitions; None if there is none."""
    # A space at the end, so that the last word is a whole piece as the others are.
    folded = sentence_key(text) + " "
    for found in _pattern(min_repeats, min_chars).finditer(folded):
        if len(found[0].strip()) >= min_chars:
            return found[found.lastindex or 0].strip()
    return None


@cache
def _pattern(min_repeats: int, min_chars: int) -> re.Pattern[str]:
    """A piece for each number of letters too few for ``min_repeats``, and any longer piece.

    So «mmmm mmmm mmmm mmmm» is not taken for «m» four times, which is too short. The longer piece
    is the shortest that comes so often: «ha ha ha ha» is «ha» four times and not «ha ha» twice.
    """
    enough = ceil(min_chars / min_repeats)
    pieces = [(f".{{{size}}}", ceil(min_chars / size)) for size in range(1, enough)]
    pieces.append((f".{{{enough},}}?", min_repeats))
    return re.compile("|".join(
        rf"({piece})\{group}{{{repeats - 1},}}" for group, (piece, repeats) in enumerate(pieces, 1)
    ))  # fmt: skip


def measure_loops(
    hypotheses: Mapping[str, Hypothesis],
    pieces: Sequence[Utterance],
    of_pieces: Mapping[str, Hypothesis],
    params: GuardsParams,
) -> dict[str, Any]:
    """Count loops.

    Args:
        hypotheses: of the test set, by id.
        pieces: utterances of the long recordings, in order.
        of_pieces: their hypotheses, among others.
        params: section ``guards``.
    """
    looped = [one for one in hypotheses.values() if _is_loop(one.text, params)]
    texts = joined_texts(pieces, of_pieces)
    num_loops = sum(_is_loop(text, params) for text in texts.values())
    return {
        "share": round(len(looped) / len(hypotheses), 6) if hypotheses else None,
        "num_utterances": len(hypotheses),
        "examples": [{"utterance_id": one.id, "text": one.text} for one in looped[:NUM_EXAMPLES]],
        "joined": {
            "num_recordings": len(texts),
            "num_loops": num_loops,
            "share": round(num_loops / len(texts), 6) if texts else None,
        },
    }


def _is_loop(text: str, params: GuardsParams) -> bool:
    return find_loop(text, params.min_repeats, params.min_loop_chars) is not None


def joined_texts(
    pieces: Iterable[Utterance], of_pieces: Mapping[str, Hypothesis]
) -> dict[str, str]:
    """The text of each long recording: that of its pieces, joined as ``commands.predict`` does."""
    found: dict[str, list[str]] = {}
    for one in pieces:
        found.setdefault(one.attributes[RECORDING], []).append(of_pieces[one.id].text)
    return {name: " ".join(filter(None, texts)) for name, texts in found.items()}
