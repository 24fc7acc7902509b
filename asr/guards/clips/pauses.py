"""Pauses of the test set's own recordings: the noise of their rooms and microphones."""

from collections.abc import Iterator, Sequence

import numpy as np

from asr.audio.silence import FRAME_SAMPLES, silent_frames
from asr.guards.kinds import SOUND, Clip, made_clip
from asr.guards.params import GuardsParams
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Clips, Waveform

PAUSES = "pauses"  # the name of the sound
# A pause is at least 0.2 s of frames 30 dB below a clip's loud parts: no speech sound is so quiet
# for so long. The test sets of the starter corpora have 4 and 5 s of such pauses.
BELOW_DB = 30.0
SHORTEST_FRAMES = 20
MARGIN_FRAMES = 3  # left out on both sides: the end of one word and the start of the next
FADE_SAMPLES = SAMPLE_RATE // 200  # 5 ms, so that joined pauses don't click
SHORTEST_CLIP_S = 1.0


def pause_clips(
    utterances: Sequence[Utterance], waveforms: Clips, params: GuardsParams
) -> list[Clip]:
    """Join pauses to clips, for each corpus up to ``num_sound_clips``, in its own language."""
    clips = []
    of_corpus: dict[tuple[str, str], list[int]] = {}
    for index, one in enumerate(utterances):
        of_corpus.setdefault((one.corpus, one.language), []).append(index)
    for (corpus, language), indices in of_corpus.items():
        pauses = ((i, piece) for i in indices for piece in find_pauses(waveforms[i]))
        joined = _joined(pauses, round(params.max_sound_s * SAMPLE_RATE))
        for number, (own, waveform) in zip(range(params.num_sound_clips), joined, strict=False):
            name = f"{PAUSES}-{corpus}-{language}-{number}"
            parts = [utterances[index] for index in own]
            clips.append(made_clip(SOUND, name, waveform, language, PAUSES, {SOUND: PAUSES}, parts))
    return clips


def find_pauses(waveform: Waveform) -> Iterator[Waveform]:
    """Yield the pauses of a clip; digital silence is none, since it has no room."""
    silent = silent_frames(waveform, BELOW_DB)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= SHORTEST_FRAMES:
            first, last = start + MARGIN_FRAMES, end - MARGIN_FRAMES
            pause = waveform[first * FRAME_SAMPLES : last * FRAME_SAMPLES]
            if pause.any():
                yield pause


def _joined(
    pauses: Iterator[tuple[int, Waveform]], longest: int
) -> Iterator[tuple[list[int], Waveform]]:
    """Join pauses to clips of up to ``longest`` samples, with the utterances that they are from.

    What is left below 1 s is not used.
    """
    parts: list[Waveform] = []
    indices: dict[int, None] = {}
    for index, pause in pauses:
        if parts and sum(map(len, parts)) + len(pause) > longest:
            yield list(indices), np.concatenate(parts)
            parts, indices = [], {}
        parts.append(_faded(pause[:longest]))
        indices[index] = None
    if sum(map(len, parts)) >= SHORTEST_CLIP_S * SAMPLE_RATE:
        yield list(indices), np.concatenate(parts)


def _faded(pause: Waveform) -> Waveform:
    faded = pause.copy()
    ramp = np.linspace(0.0, 1.0, FADE_SAMPLES, dtype=np.float32)
    faded[:FADE_SAMPLES] *= ramp
    faded[-FADE_SAMPLES:] *= ramp[::-1]
    return faded
