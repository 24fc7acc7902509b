"""Joined clips of the test set: a minute of speech, and clips of a few seconds for timestamps."""

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from asr.audio.params import SilenceParams
from asr.audio.silence import cut_at_silences
from asr.guards.kinds import JOINED, RECORDING, TIMED, Clip, made_clip
from asr.guards.params import GuardsParams
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Clips, Waveform

MAX_PAUSE_S = 0.3  # like the pause between two spoken sentences
# Clips for timestamps are as long as those of Common Voice, 2 to 10 s and 5 s in the mean.
MEAN_LOG_S, DEVIATION_LOG_S, SHORTEST_S, LONGEST_S = 1.53, 0.4, 2.0, 10.0


def long_clips(
    utterances: Sequence[Utterance],
    waveforms: Clips,
    params: GuardsParams,
    max_s: float,
    silence: SilenceParams,
) -> list[Clip]:
    """Recordings of ``joined_s``, cut at pauses as ``commands.predict`` cuts long audio.

    A clip is in one recording at most. A language with less speech has shorter recordings, or
    fewer.
    """
    clips = []
    for language, own in by_language(utterances).items():
        recordings = _joined(own, utterances, lambda _: params.joined_s, params.seed)
        chosen = zip(range(params.num_joined), recordings, strict=False)
        for number, indices in chosen:
            rng = random.Random(f"{params.seed}-{language}-{number}")
            waveform = _waveform(indices, waveforms, rng)
            parts = [utterances[index] for index in indices]
            text = " ".join(one.text for one in parts)
            recording = f"{language}-{number}"
            for piece, (start, end) in enumerate(cut_at_silences(waveform, max_s, silence)):
                name = f"{recording}#{piece}"
                clips.append(
                    made_clip(JOINED, name, waveform[start:end], language, text,
                              {RECORDING: recording}, parts)
                )  # fmt: skip
    return clips


def timestamp_clips(
    utterances: Sequence[Utterance], waveforms: Clips, params: GuardsParams, max_s: float
) -> list[Clip]:
    """Clips of 2 to 10 s, languages in turn; a test set of few clips gives fewer."""

    def wanted_s(rng: random.Random) -> float:
        drawn = rng.lognormvariate(MEAN_LOG_S, DEVIATION_LOG_S)
        return min(max_s, LONGEST_S, max(SHORTEST_S, drawn))

    recordings = {
        language: _joined(own, utterances, wanted_s, params.seed)
        for language, own in by_language(utterances).items()
    }
    clips: list[Clip] = []
    while recordings and len(clips) < params.num_timestamp_clips:
        for language, them in list(recordings.items()):
            if (indices := next(them, None)) is None:
                del recordings[language]
            elif len(clips) < params.num_timestamp_clips:
                rng = random.Random(f"{params.seed}-{len(clips)}")
                waveform = _waveform(indices, waveforms, rng)[: round(max_s * SAMPLE_RATE)]
                parts = [utterances[index] for index in indices]
                text = " ".join(one.text for one in parts)
                name = f"{len(clips)}"
                clips.append(made_clip(TIMED, name, waveform, language, text, {}, parts))
    return clips


def by_language(utterances: Sequence[Utterance]) -> dict[str, list[int]]:
    """Indices of utterances by language, sorted."""
    found: dict[str, list[int]] = {}
    for index, one in enumerate(utterances):
        found.setdefault(one.language, []).append(index)
    return dict(sorted(found.items()))


def _joined(
    own: Sequence[int],
    utterances: Sequence[Utterance],
    wanted_s: Callable[[random.Random], float],
    seed: int,
) -> Iterator[list[int]]:
    """Deal shuffled clips to recordings, each of about the seconds that ``wanted_s`` draws."""
    rng = random.Random(seed)
    order = list(own)
    rng.shuffle(order)
    together: list[int] = []
    seconds, limit = 0.0, wanted_s(rng)
    for index in order:
        longer = seconds + utterances[index].duration_s + (MAX_PAUSE_S if together else 0.0)
        if together and longer > limit:
            yield together
            together, seconds, limit = [], 0.0, wanted_s(rng)
            longer = utterances[index].duration_s
        together.append(index)
        seconds = longer
    if together:
        yield together


def _waveform(indices: Sequence[int], waveforms: Clips, rng: random.Random) -> Waveform:
    parts = [waveforms[indices[0]]]
    for index in indices[1:]:
        parts.append(np.zeros(round(rng.uniform(0, MAX_PAUSE_S) * SAMPLE_RATE), np.float32))
        parts.append(waveforms[index])
    return np.concatenate(parts)
