"""Memorised references: transcripts of train that the model writes for other clips, word for word.

A model that has learned a transcript by heart writes it whole, where something else was said.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from asr.text.sentence import WITHOUT_SPACES, sentence_key
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance

NUM_EXAMPLES = 5
LETTERS_PER_WORD = 2  # of Chinese in the mean; fewer than in Thai


def measure_memorised(
    test: Sequence[Utterance],
    hypotheses: Mapping[str, Hypothesis],
    train: Sequence[Utterance],
    min_words: int,
) -> dict[str, Any]:
    """Share of test hypotheses that are a transcript of train, where their own reference differs.

    Args:
        test: the test set.
        hypotheses: by id.
        train: the training set.
        min_words: of a transcript; a shorter one comes again by chance. In Chinese, Japanese and
            other languages without spaces, ``LETTERS_PER_WORD`` letters count as a word.
    """
    known = {
        key: one.id
        for one in train
        if _num_words(key := sentence_key(one.text), one.language) >= min_words
    }
    found = []
    for one in test:
        key = sentence_key(hypotheses[one.id].text)
        if key in known and key != sentence_key(one.text):
            text = hypotheses[one.id].text
            found.append({"utterance_id": one.id, "text": text, "train_id": known[key]})
    return {
        "share": round(len(found) / len(test), 6) if test else None,
        "num_utterances": len(test),
        "examples": found[:NUM_EXAMPLES],
    }


def _num_words(key: str, language: str) -> int:
    if language in WITHOUT_SPACES:
        return len(key.replace(" ", "")) // LETTERS_PER_WORD
    return len(key.split())
