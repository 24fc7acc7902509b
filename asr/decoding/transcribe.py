"""Transcribing a test set: short clips together, each with no more context than its model needs."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from tqdm import tqdm

from asr.decoding.params import DecodeParams
from asr.features.batching import Batch, batches_by_length
from asr.features.context import FULL_S
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Clips, Waveform


class Engine(Protocol):
    """A model that transcribes.

    Attributes:
        num_workers: batches that it takes at a time, each from a thread of its own.
        device: ``cpu``, ``cuda`` or ``mps``.
    """

    device: str

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


def token_budget(duration_s: float, params: DecodeParams) -> int:
    """Tokens that speech of this length can hold: a decoder that wants more is in a loop."""
    return max(params.min_token_budget, math.ceil(duration_s * params.max_tokens_per_s))


def transcribe_all(
    engine: Engine,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    margin_s: float,
    params: DecodeParams,
) -> tuple[list[Hypothesis], float]:
    """Transcribe every utterance.

    A short context makes a model loop now and then, so what ran away is heard once more with
    ``fallback_margin_s``; if it runs away again the first hypothesis stays.

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
    started = time.perf_counter()
    with (
        tqdm(total=len(utterances), unit="clip", desc="transcribe") as progress,
        ThreadPoolExecutor(engine.num_workers) as workers,
    ):

        def hear(indices: Sequence[int], margin_s: float) -> dict[int, Hypothesis]:
            batches = _batches(indices, utterances, margin_s, params.batch_seconds)
            by_index: dict[int, Hypothesis] = {}
            for batch, hypotheses in zip(batches, workers.map(transcribe, batches), strict=True):
                by_index.update(zip(batch.indices, hypotheses, strict=True))
                progress.update(len(batch.indices))
            return by_index

        def transcribe(batch: Batch) -> list[Hypothesis]:
            chosen = [utterances[i] for i in batch.indices]
            budgets = [token_budget(utterance.duration_s, params) for utterance in chosen]
            clips = [waveforms[i] for i in batch.indices]
            return engine.transcribe(clips, chosen, batch.context_s, budgets)

        heard = hear(range(len(utterances)), margin_s)
        loops = [index for index, hypothesis in sorted(heard.items()) if hypothesis.runaway]
        if loops and margin_s < params.fallback_margin_s:
            progress.total += len(loops)
            again = hear(loops, params.fallback_margin_s)
            heard |= {index: h for index, h in again.items() if not h.runaway}
    return [heard[i] for i in range(len(utterances))], time.perf_counter() - started


def _batches(
    indices: Sequence[int], utterances: Sequence[Utterance], margin_s: float, batch_seconds: float
) -> list[Batch]:
    """Longest first: what does not fit shows at once, and no worker ends on it alone."""
    durations_s = [utterances[i].duration_s for i in indices]
    return [
        Batch(tuple(indices[i] for i in batch.indices), batch.context_s)
        for batch in reversed(batches_by_length(durations_s, margin_s, batch_seconds))
    ]
