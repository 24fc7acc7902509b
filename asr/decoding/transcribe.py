"""Transcribing a test set: short clips together, each with no more context than its model needs."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.protocols import Engine, family_module
from asr.features.batching import Batch, Seconds, batches_by_length
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Clips


@dataclass(frozen=True)
class ComputedSeconds:
    """How many seconds of audio a model computes for a clip of so many seconds.

    Attributes:
        first: for a clip as a rule.
        again: for one whose hypothesis ran away; None where a second try would give the same.
    """

    first: Seconds
    again: Seconds | None = None


def token_budget(duration_s: float, params: DecodeParams) -> int:
    """Tokens that speech of this length can hold: a decoder that wants more is in a loop."""
    return max(params.min_token_budget, math.ceil(duration_s * params.max_tokens_per_s))


def transcribe_all(
    engine: Engine,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    seconds: ComputedSeconds,
    params: DecodeParams,
) -> tuple[list[Hypothesis], float]:
    """Transcribe every utterance.

    What ran away is decoded once more if the family has a second try; if it runs away again the
    first hypothesis stays.

    Args:
        engine: the model.
        waveforms: one a clip, float32, mono, 16 kHz.
        utterances: the same clips.
        seconds: that the model computes for a clip.
        params: section ``decode``.

    Returns:
        Hypotheses in the utterances' order, and the seconds that all batches took.
    """
    started = time.perf_counter()
    with (
        tqdm(total=len(utterances), unit="clip", desc="transcribe") as progress,
        ThreadPoolExecutor(engine.num_workers) as workers,
    ):

        def decode(indices: Sequence[int], computed: Seconds) -> dict[int, Hypothesis]:
            batches = _batches(indices, utterances, computed, params.batch_seconds)
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

        found = decode(range(len(utterances)), seconds.first)
        loops = [index for index, hypothesis in sorted(found.items()) if hypothesis.runaway]
        if loops and seconds.again:
            progress.total += len(loops)
            again = decode(loops, seconds.again)
            found |= {index: h for index, h in again.items() if not h.runaway}
    return [found[i] for i in range(len(utterances))], time.perf_counter() - started


def _batches(
    indices: Sequence[int], utterances: Sequence[Utterance], seconds: Seconds, batch_seconds: float
) -> list[Batch]:
    """Longest first: what does not fit shows at once, and no worker ends on it alone."""
    durations_s = [utterances[i].duration_s for i in indices]
    return [
        Batch(tuple(indices[i] for i in batch.indices), batch.context_s)
        for batch in reversed(batches_by_length(durations_s, seconds, batch_seconds))
    ]


def open_on_worker(
    family: str, machine: MachineParams, params: DecodeParams, own: Any, model: Path, on_gpu: bool
) -> Engine:
    """On a worker of a cluster: an engine on one core, or on a GPU where the cluster has some."""
    here = machine if on_gpu else machine.model_copy(update={"num_threads": 1})
    return family_module(family, "decoding").open_engine(model, here, params, own)
