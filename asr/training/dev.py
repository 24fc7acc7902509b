"""Greedy error rate on a fixed part of dev, to choose the best weights.

This is not the score, which has its own stage. It counts errors as the score does, but without the
normalizers of ``asr/scoring``, so that an edit to a normalizer reruns no training.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import regex
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

from asr.core.errors import InputError
from asr.families.protocols import CountsOnDev, Trainee
from asr.features.batching import batches_by_length
from asr.text.error_rate import char_errors, pooled, word_errors
from asr.training.distributed.processes import Processes
from asr.training.params import TrainParams
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import Utterance


@dataclass(frozen=True)
class DevError:
    """Pooled error rates on dev, as fractions; and other shares that the family counts."""

    wer: float
    cer: float
    shares: dict[str, float] = field(default_factory=dict)


def bare_text(text: str) -> str:
    """Case-folded words of a text: letters, marks and numbers, with single spaces between."""
    return " ".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", text.casefold()))


def dev_error(pairs: Iterable[tuple[str, str]]) -> DevError:
    """Pool error rates over (reference, hypothesis) pairs; rounded to 6 digits for hashed files."""
    bare = [(bare_text(reference), bare_text(hypothesis)) for reference, hypothesis in pairs]
    rates = []
    for count in (word_errors, char_errors):
        counts = pooled(count(*pair) for pair in bare)
        rates.append(round(counts.num_errors / max(1, counts.num_reference), 6))
    wer, cer = rates
    return DevError(wer, cer)


def pooled_shares(counts: Iterable[tuple[str, tuple[int, int]]]) -> dict[str, float]:
    """Sum counts of part and whole by name, and divide them; rounded as error rates are."""
    parts, wholes = Counter[str](), Counter[str]()
    for name, (part, whole) in counts:
        parts[name] += part
        wholes[name] += whole
    return {name: round(parts[name] / max(1, wholes[name]), 6) for name in wholes}


def dev_budget(utterance: Utterance, trainee: Trainee) -> int:
    """Most tokens of a hypothesis; a longer one is a loop.

    As many as the reference has letters, or tokens where a letter takes two or three of them: in
    Georgian, Gujarati, Amharic. Eight more are for the end token and for wrong words.
    """
    num_labels = trainee.num_labels(utterance.text, utterance.language)
    return max(len(utterance.text), num_labels) + 8


def dev_evaluator(
    trainee: Trainee,
    prepared: Path,
    dev: list[Utterance],
    params: TrainParams,
    processes: Processes,
) -> Callable[[], DevError]:
    """Build the function that transcribes ``num_dev_utterances`` of dev and returns the error.

    Each process transcribes its share; all return the error over all shares.
    """
    # Sorted by hash of the id: a mix of all corpora that changes little when dev grows.
    dev = sorted(dev, key=lambda u: hashlib.sha256(u.id.encode()).digest())
    dev = dev[: params.num_dev_utterances]
    waveforms = Waveforms(prepared, dev)
    batches = batches_by_length([u.duration_s for u in dev], trainee.seconds, params.batch_seconds)

    def transcribed(indices: Sequence[int], context_s: float) -> list[tuple[str, str]]:
        """References and hypotheses; a batch that runs out of memory is halved, as in training."""
        chosen = [dev[i] for i in indices]
        budgets = [dev_budget(u, trainee) for u in chosen]
        clips = [waveforms[i] for i in indices]
        try:
            hypotheses = trainee.transcribe(clips, chosen, context_s, budgets)
            return [(u.text, h.text) for u, h in zip(chosen, hypotheses, strict=True)]
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            if len(indices) == 1:
                raise InputError(
                    f"{chosen[0].id}: out of memory in evaluation with one clip of dev: expected "
                    "a smaller model or more memory"
                ) from error
        # Outside the handler: its traceback holds the tensors that filled the memory.
        clear_device_cache(garbage_collection=True)
        half = len(indices) // 2
        return transcribed(indices[:half], context_s) + transcribed(indices[half:], context_s)

    def evaluate_dev() -> DevError:
        pairs = []
        for batch in batches[processes.rank :: processes.count]:
            pairs += transcribed(batch.indices, batch.context_s)
        counts = trainee.dev_counts() if isinstance(trainee, CountsOnDev) else {}
        shares = pooled_shares(processes.gathered(list(counts.items())))
        return replace(dev_error(processes.gathered(pairs)), shares=shares)

    return evaluate_dev
