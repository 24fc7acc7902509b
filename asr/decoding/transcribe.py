"""Transcribe a test set in batches of similar length, each with the context that its clips need."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.protocols import Engine, HasAlphabet, TextTokens, family_module
from asr.features.batching import Batch, Seconds, batches_by_length
from asr.text.letters import listed
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Clips
from asr.workers.ray_models import ray_models
from asr.workers.workers import chosen_workers

# A letter has up to four bytes in UTF-8, and a token has at least one.
MAX_TOKENS_PER_LETTER = 4.0
SAMPLE_SIZE = 10_000  # transcripts a language; a million would take half a minute


@dataclass(frozen=True)
class ComputedSeconds:
    """Functions from the duration of a clip to the seconds of audio that a model computes.

    Attributes:
        first: for the first decoding of each clip.
        again: for a second decoding if the hypothesis ran away; None for no second decoding.
    """

    first: Seconds
    again: Seconds | None = None


@dataclass(frozen=True)
class Decoding:
    """A model and how to decode with it.

    Attributes:
        model: its folder.
        family: its family's name.
        machine: section ``machine``.
        decode: section ``decode``.
        own: section ``<family>.decode``.
    """

    model: Path
    family: str
    machine: MachineParams
    decode: DecodeParams
    own: Any


def tokens_per_letter(train: Iterable[Utterance], tokens: TextTokens) -> dict[str, float]:
    """Tokens that a letter takes in each language of the training set, a whole number.

    It is the mean over at most ``SAMPLE_SIZE`` transcripts, and half of it again for transcripts
    with rare letters, rounded up. With Whisper's tokenizer that is 1 in Belarusian and 4 in
    Georgian, and cuts no transcript of Debian's tuxpaint-stamps in its 72 languages.
    """
    counts: dict[str, list[int]] = {}
    for one in train:
        texts, num_tokens, num_letters = counts.setdefault(one.language, [0, 0, 0])
        if texts < SAMPLE_SIZE:
            num_labels = tokens.num_labels(one.text, one.language)
            counts[one.language] = [texts + 1, num_tokens + num_labels, num_letters + len(one.text)]
    return {
        language: float(max(1, math.ceil(1.5 * num_tokens / max(1, num_letters))))
        for language, (_, num_tokens, num_letters) in counts.items()
    }


def unknown_letters(test: Iterable[Utterance], tokens: TextTokens, model: Path) -> dict[str, int]:
    """Count the letters of a test set that a model can't write, and print the commonest.

    Returns:
        Their number, for a metric; nothing for a model that can write any text.
    """
    if not isinstance(tokens, HasAlphabet):
        return {}
    counts = tokens.unknown_letters(one.text for one in test)
    total = sum(counts.values())
    if counts:
        print(
            f"{model}: its alphabet lacks {len(counts)} letters of the test set, which come "
            f"{total} times: {listed(counts)}"
        )
    return {"num_unknown_letters": total}


def token_budget(
    duration_s: float, params: DecodeParams, per_letter: float = MAX_TOKENS_PER_LETTER
) -> int:
    """Most tokens of a hypothesis for a clip of this length; a longer one is a decoding loop.

    Args:
        duration_s: of the clip.
        params: section ``decode``.
        per_letter: tokens that a letter takes in the language of the clip.
    """
    by_time = math.ceil(duration_s * params.max_tokens_per_s * per_letter)
    return max(params.min_token_budget, by_time)


def transcribe_all(
    engine: Engine,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    seconds: ComputedSeconds,
    params: DecodeParams,
    per_letter: Mapping[str, float] = MappingProxyType({}),
    *,
    quiet: bool = False,
) -> tuple[list[Hypothesis], float]:
    """Transcribe every utterance.

    A hypothesis that ran away is decoded again if ``seconds.again`` is set. If the second one runs
    away too, the first one stays.

    Args:
        engine: the model.
        waveforms: float32, mono, 16 kHz, one per utterance.
        utterances: the same clips.
        seconds: seconds that the model computes for a clip.
        params: section ``decode``.
        per_letter: see ``tokens_per_letter``; a language that is missing has the most.
        quiet: show no progress bar; TQDM_DISABLE=1 hides every one.

    Returns:
        Hypotheses in the order of ``utterances``, and the wall-clock seconds of decoding.
    """
    started = time.perf_counter()
    hidden = {"disable": True} if quiet else {}
    with (
        tqdm(total=len(utterances), unit="clip", desc="transcribe", **hidden) as progress,
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
            budgets = [
                token_budget(
                    u.duration_s, params, per_letter.get(u.language, MAX_TOKENS_PER_LETTER)
                )
                for u in chosen
            ]
            clips = [waveforms[i] for i in batch.indices]
            return engine.transcribe(clips, chosen, batch.context_s, budgets)

        found = decode(range(len(utterances)), seconds.first)
        runaways = [index for index, hypothesis in sorted(found.items()) if hypothesis.runaway]
        if runaways and seconds.again:
            progress.total += len(runaways)
            again = decode(runaways, seconds.again)
            found |= {index: h for index, h in again.items() if not h.runaway}
    return [found[i] for i in range(len(utterances))], time.perf_counter() - started


def _batches(
    indices: Sequence[int], utterances: Sequence[Utterance], seconds: Seconds, batch_seconds: float
) -> list[Batch]:
    """Batches, longest first: memory runs out at once or never, and workers end together."""
    durations_s = [utterances[i].duration_s for i in indices]
    return [
        Batch(tuple(indices[i] for i in batch.indices), batch.context_s)
        for batch in reversed(batches_by_length(durations_s, seconds, batch_seconds))
    ]


@contextmanager
def opened_engine(
    family: str, machine: MachineParams, params: DecodeParams, own: Any, model: Path
) -> Iterator[Engine]:
    """Load the engine in this process, or in each worker of a Ray cluster if that is chosen."""
    workers = chosen_workers()
    if workers.kind != "ray":
        yield family_module(family, "decoding").open_engine(model, machine, params, own)
        return
    open_one = partial(open_on_worker, family, machine, params, own)
    may_use_gpus = machine.device in ("auto", "cuda")
    with ray_models(open_one, model, workers.num, may_use_gpus=may_use_gpus) as engine:
        yield engine


def open_on_worker(
    family: str, machine: MachineParams, params: DecodeParams, own: Any, model: Path, on_gpu: bool
) -> Engine:
    """Load the engine on a cluster worker: on a GPU if ``on_gpu``, else on one core."""
    here = machine if on_gpu else machine.model_copy(update={"num_threads": 1})
    return family_module(family, "decoding").open_engine(model, here, params, own)
