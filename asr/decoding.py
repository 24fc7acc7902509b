"""Transcribing a test set: short clips together, each with no more context than its model needs."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from asr.batching import batches_by_length
from asr.context import FULL_S
from asr.hypothesis import Hypothesis
from asr.schemas.decode import Params as DecodeParams
from asr.utterance import Utterance

Waveform = npt.NDArray[np.float32]


class Clips(Protocol):
    """Waveforms by position, held or read as their owner likes."""

    def __getitem__(self, index: int) -> Waveform:
        """Float32, mono, 16 kHz."""


# waveforms, utterances, context in seconds, token budgets -> hypotheses, all of one batch
TranscribeBatch = Callable[
    [Sequence[Waveform], Sequence[Utterance], float, Sequence[int]], list[Hypothesis]
]


def token_budget(duration_s: float, max_tokens_per_s: float, least: int) -> int:
    """Tokens that speech of this length can hold: a decoder that wants more is in a loop."""
    return max(least, math.ceil(duration_s * max_tokens_per_s))


def transcribe_all(
    transcribe: TranscribeBatch,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    margin_s: float,
    params: DecodeParams,
) -> tuple[list[Hypothesis], float]:
    """Transcribe every utterance.

    Args:
        transcribe: the family's function on one batch.
        waveforms: one a clip, float32, mono, 16 kHz.
        utterances: the same clips.
        margin_s: seconds of context beyond a clip that the model needs.
        params: section ``decode``.

    Returns:
        Hypotheses in the utterances' order, and the seconds that all batches took.
    """
    if params.context == "full":
        margin_s = FULL_S
    by_index: dict[int, Hypothesis] = {}
    durations_s = [utterance.duration_s for utterance in utterances]
    started = time.perf_counter()
    with tqdm(total=len(utterances), unit="clip", desc="transcribe") as progress:
        for batch in batches_by_length(durations_s, margin_s, params.batch_seconds):
            budgets = [
                token_budget(durations_s[i], params.max_tokens_per_s, params.min_token_budget)
                for i in batch.indices
            ]
            hypotheses = transcribe(
                [waveforms[i] for i in batch.indices],
                [utterances[i] for i in batch.indices],
                batch.context_s,
                budgets,
            )
            by_index.update(zip(batch.indices, hypotheses, strict=True))
            progress.update(len(batch.indices))
    return [by_index[i] for i in range(len(utterances))], time.perf_counter() - started
