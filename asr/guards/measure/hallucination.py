"""Hallucination: text for sounds without speech, in characters a minute, and known phrases."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from asr.core.params import read_yaml
from asr.guards.kinds import SOUND
from asr.text.sentence import sentence_key
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance

PHRASES = Path(__file__).with_name("phantom_phrases.yaml")
NUM_EXAMPLES = 10
LONGEST_EXAMPLE = 120  # characters


def measure_hallucination(
    sounds: Sequence[Utterance], hypotheses: Mapping[str, Hypothesis]
) -> dict[str, Any]:
    """Letters and digits a minute, in all and by sound; known phrases; the longest texts.

    Args:
        sounds: utterances without speech.
        hypotheses: by id, of them and of others.
    """
    texts = {one.id: hypotheses[one.id].text for one in sounds}
    by_sound: dict[str, list[Utterance]] = {}
    for one in sounds:
        by_sound.setdefault(one.attributes[SOUND], []).append(one)
    wordy = [one for one in sounds if _num_letters(texts[one.id])]
    wordy.sort(key=lambda one: -_num_letters(texts[one.id]))
    return {
        "chars_per_minute": _chars_per_minute(sounds, texts),
        "by_sound": {name: _chars_per_minute(own, texts) for name, own in by_sound.items()},
        "phantom_phrases": count_phrases(texts.values(), read_yaml(PHRASES)),
        "examples": [
            {
                "sound": one.attributes[SOUND],
                "language": one.language,
                "text": texts[one.id][:LONGEST_EXAMPLE],
            }
            for one in wordy[:NUM_EXAMPLES]
        ],
    }


def _chars_per_minute(sounds: Sequence[Utterance], texts: Mapping[str, str]) -> float | None:
    minutes = sum(one.duration_s for one in sounds) / 60
    num = sum(_num_letters(texts[one.id]) for one in sounds)
    return round(num / minutes, 2) if minutes else None


def _num_letters(text: str) -> int:
    """Letters, their marks and digits; Whisper also writes «... ... ...», which says nothing."""
    return sum(letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc") for letter in text)


def count_phrases(texts: Iterable[str], phrases: Mapping[str, list[str]]) -> dict[str, int]:
    """Texts that have a phrase, by phrase; case and punctuation don't count.

    Args:
        texts: of any languages: a model also writes the phrases of another one.
        phrases: by language.
    """
    folded = [sentence_key(text) for text in texts]
    counts = {
        phrase: sum(sentence_key(phrase) in text for text in folded)
        for own in phrases.values()
        for phrase in own
    }
    return {phrase: count for phrase, count in counts.items() if count}
