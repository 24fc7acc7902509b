"""The error rate on dev that chooses the best weights: a fixed part of it, decoded greedily.

Not the score: that has its own stage and its own normalizer. This one takes no normalizer, so that
an edit to one reruns no training; errors are counted as there.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import regex

from asr.families.protocols import Trainee
from asr.features.batching import batches_by_length
from asr.text.error_rate import char_errors, pooled, word_errors
from asr.training.distributed.processes import Processes
from asr.training.params import TrainParams
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import Utterance


@dataclass(frozen=True)
class DevError:
    """Pooled error rates on dev, as fractions."""

    wer: float
    cer: float


def bare_text(text: str) -> str:
    """The words of a sentence, letters, marks and digits alone, case folded, a space between."""
    return " ".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", text.casefold()))


def dev_error(pairs: Iterable[tuple[str, str]]) -> DevError:
    """Pooled over (reference, hypothesis) pairs; rounded, for it goes into hashed files."""
    bare = [(bare_text(reference), bare_text(hypothesis)) for reference, hypothesis in pairs]
    rates = []
    for count in (word_errors, char_errors):
        counts = pooled(count(*pair) for pair in bare)
        rates.append(round(counts.num_errors / max(1, counts.num_reference), 6))
    return DevError(*rates)


def dev_reader(
    trainee: Trainee,
    prepared: Path,
    dev: list[Utterance],
    params: TrainParams,
    processes: Processes,
) -> Callable[[], DevError]:
    """Build the function that transcribes ``num_dev_utterances`` of dev and returns the error.

    Each process transcribes its share, and all return the error of the whole.
    """
    # By hash of the id: the part stays mixed over corpora, and stays put as dev grows.
    dev = sorted(dev, key=lambda u: hashlib.sha256(u.id.encode()).digest())
    dev = dev[: params.num_dev_utterances]
    waveforms = Waveforms(prepared, dev)
    batches = batches_by_length([u.duration_s for u in dev], trainee.seconds, params.batch_seconds)

    def read_dev() -> DevError:
        pairs = []
        for batch in batches[processes.rank :: processes.count]:
            chosen = [dev[i] for i in batch.indices]
            # A token holds a letter at least, so a longer text than this is a loop.
            budgets = [len(u.text) + 8 for u in chosen]
            clips = [waveforms[i] for i in batch.indices]
            heard = trainee.transcribe(clips, chosen, batch.context_s, budgets)
            pairs += [(u.text, h.text) for u, h in zip(chosen, heard, strict=True)]
        return dev_error(processes.gathered(pairs))

    return read_dev
