"""Reading dev in between: a look at a fixed part of it, greedily, to choose the best weights."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asr.batching import batches_by_length
from asr.dev_error import DevError, dev_error
from asr.families import family_module
from asr.processes import Processes
from asr.schemas.train import Params as TrainParams
from asr.shards import Waveforms
from asr.utterance import Utterance


def dev_reader(
    model: Any,
    family: str,
    prepared: Path,
    dev: list[Utterance],
    params: TrainParams,
    processes: Processes,
) -> Callable[[], DevError]:
    """Build the function that transcribes ``num_dev_utterances`` of dev and returns the error.

    Each process transcribes its share, and all return the error of the whole.
    """
    transcribe = family_module(family, "greedy").transcribe_greedily
    # By hash of the id: the part stays mixed over corpora, and stays put as dev grows.
    dev = sorted(dev, key=lambda u: hashlib.sha256(u.id.encode()).digest())
    dev = dev[: params.num_dev_utterances]
    waveforms = Waveforms(prepared, dev)
    batches = batches_by_length([u.duration_s for u in dev], params.margin_s, params.batch_seconds)

    def read_dev() -> DevError:
        pairs = []
        for batch in batches[processes.rank :: processes.count]:
            chosen = [dev[i] for i in batch.indices]
            # A token holds a letter at least, so a longer text than this is a loop.
            budgets = [len(u.text) + 8 for u in chosen]
            heard = transcribe(
                model, [waveforms[i] for i in batch.indices], chosen, batch.context_s, budgets
            )
            pairs += [(u.text, h.text) for u, h in zip(chosen, heard, strict=True)]
        return dev_error(processes.gathered(pairs))

    return read_dev
