"""Transcribing a test set: short clips together, each with no more context than its model needs."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from tqdm import tqdm

from asr.audio import Clips, Waveform
from asr.batching import Batch, batches_by_length
from asr.context import FULL_S
from asr.hypothesis import Hypothesis
from asr.schemas.decode import Params as DecodeParams
from asr.utterance import Utterance


class Engine(Protocol):
    """A model that transcribes.

    Attributes:
        num_workers: batches that it takes at a time, each from a thread of its own.
    """

    @property
    def num_workers(self) -> int:
        """See above."""

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """Hypotheses of one batch, in order.

        Args:
            waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
            utterances: the same clips, for language and id.
            context_s: seconds that the encoder computes, for every clip of the batch.
            budgets: tokens that a clip may have, its end token included.
        """


def token_budget(duration_s: float, max_tokens_per_s: float, least: int) -> int:
    """Tokens that speech of this length can hold: a decoder that wants more is in a loop."""
    return max(least, math.ceil(duration_s * max_tokens_per_s))


def transcribe_all(
    engine: Engine,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    margin_s: float,
    params: DecodeParams,
) -> tuple[list[Hypothesis], float]:
    """Transcribe every utterance.

    Args:
        engine: the model.
        waveforms: one a clip, float32, mono, 16 kHz.
        utterances: the same clips.
        margin_s: seconds of context beyond a clip that the model needs.
        params: section ``decode``.

    Returns:
        Hypotheses in the utterances' order, and the seconds that all batches took.
    """
    if params.context == "full":
        margin_s = FULL_S
    durations_s = [utterance.duration_s for utterance in utterances]

    def transcribe(batch: Batch) -> list[Hypothesis]:
        return engine.transcribe(
            [waveforms[i] for i in batch.indices],
            [utterances[i] for i in batch.indices],
            batch.context_s,
            [
                token_budget(durations_s[i], params.max_tokens_per_s, params.min_token_budget)
                for i in batch.indices
            ],
        )

    # Longest first: what does not fit shows at once, and no worker is left with it at the end.
    batches = batches_by_length(durations_s, margin_s, params.batch_seconds)[::-1]
    by_index: dict[int, Hypothesis] = {}
    started = time.perf_counter()
    with (
        tqdm(total=len(utterances), unit="clip", desc="transcribe") as progress,
        ThreadPoolExecutor(engine.num_workers) as workers,
    ):
        for batch, hypotheses in zip(batches, workers.map(transcribe, batches), strict=True):
            by_index.update(zip(batch.indices, hypotheses, strict=True))
            progress.update(len(batch.indices))
    return [by_index[i] for i in range(len(utterances))], time.perf_counter() - started
