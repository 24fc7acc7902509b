"""Plant faults into a corpus, on copies in memory, to test whether the audit finds them."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform

KINDS = ("swapped", "truncated", "wrong_language", "no_speech")
KEPT_SHARE = (0.35, 0.7)  # share of a truncated clip that is kept, drawn between these
MAX_CHARS_PER_S = 25.0  # prepare already rejects clips above this
NOTES_HZ = (220.0, 261.6, 293.7, 329.6, 392.0, 440.0, 523.3)


@dataclass
class Planted:
    """A corpus with faults.

    Attributes:
        utterances: with transcripts and durations as planted.
        waveforms: the same clips.
        kinds: one of ``KINDS`` by index; utterances without a planted fault are left out.
    """

    utterances: list[Utterance]
    waveforms: list[Waveform]
    kinds: dict[int, str]


def plant(
    utterances: Sequence[Utterance],
    waveforms: Sequence[Waveform],
    foreign_texts: Mapping[str, str],
    share: float,
    seed: int,
) -> Planted:
    """Plant ``share`` of each kind.

    Args:
        utterances: of a corpus.
        waveforms: the same clips.
        foreign_texts: the sentence in another language, by the id without ``<corpus>/``.
        share: of the utterances, for each kind.
        seed: of the choice.
    """
    rng = random.Random(seed)
    planted = Planted(list(utterances), list(waveforms), {})
    free = list(range(len(utterances)))
    rng.shuffle(free)
    size = round(share * len(utterances))

    def take(kind: str) -> list[int]:
        taken = free[:size]
        del free[:size]
        planted.kinds |= dict.fromkeys(taken, kind)
        return taken

    swapped = take("swapped")
    for i, j in zip(swapped, [*swapped[1:], swapped[0]], strict=True):
        if sentence_key(utterances[i].text) == sentence_key(utterances[j].text):
            del planted.kinds[i]  # the same words: no fault
        planted.utterances[i] = utterances[i].model_copy(update={"text": utterances[j].text})
    for i in take("no_speech"):
        planted.waveforms[i] = _no_speech(len(waveforms[i]), rng)
    _cut(planted, free, size, rng)
    _translate(planted, free, size, foreign_texts)
    return planted


def _cut(planted: Planted, free: list[int], size: int, rng: random.Random) -> None:
    """Truncate clips, except those that prepare would then reject."""
    for i in list(free):
        if list(planted.kinds.values()).count("truncated") == size:
            return
        waveform, text = planted.waveforms[i], planted.utterances[i].text
        kept = waveform[: int(len(waveform) * rng.uniform(*KEPT_SHARE))]
        duration_s = round(len(kept) / SAMPLE_RATE, 4)
        if duration_s < 0.3 or len(text) / duration_s > MAX_CHARS_PER_S:
            continue
        free.remove(i)
        planted.kinds[i] = "truncated"
        planted.waveforms[i] = kept
        planted.utterances[i] = planted.utterances[i].model_copy(update={"duration_s": duration_s})


def _translate(planted: Planted, free: list[int], size: int, texts: Mapping[str, str]) -> None:
    """Replace transcripts by the other language's, except those that are equal in both."""
    for i in list(free):
        if list(planted.kinds.values()).count("wrong_language") == size:
            return
        utterance = planted.utterances[i]
        text = texts.get(utterance.id.partition("/")[2])
        if text is None or sentence_key(text) == sentence_key(utterance.text):
            continue
        free.remove(i)
        planted.kinds[i] = "wrong_language"
        planted.utterances[i] = utterance.model_copy(update={"text": text})


def _no_speech(num_samples: int, rng: random.Random) -> Waveform:
    """Noise, or a chord that swells."""
    if rng.random() < 0.5:
        noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(num_samples)
        return (0.05 * noise).astype(np.float32)
    time_s = np.arange(num_samples) / SAMPLE_RATE
    swell = 0.1 * (0.6 + 0.4 * np.sin(4 * np.pi * time_s))
    notes = rng.sample(NOTES_HZ, 3)
    return sum(swell * np.sin(2 * np.pi * hz * time_s) for hz in notes).astype(np.float32)  # type: ignore[union-attr]
