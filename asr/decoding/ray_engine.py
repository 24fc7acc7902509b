"""Decoding on a Ray cluster: an engine in each of its workers, fed from here.

To who transcribes this is one engine more, which takes as many batches at a time as there are
workers; batches are made as ever, so that each is heard as one machine alone would.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import Engine
from asr.devices.params import MachineParams
from asr.families import family_module
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform
from asr.workers.ray_models import RayModels, ray_models


class RayEngine:
    """An ``asr.decoding.transcribe.Engine`` made of others."""

    def __init__(self, listeners: RayModels) -> None:
        self.num_workers = listeners.num
        self.device = "cuda" if listeners.on_gpu else "cpu"
        self._listeners = listeners

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """As ``asr.decoding.transcribe.Engine``, by whoever is free."""
        batch = waveforms, utterances, context_s, budgets
        hypotheses: list[Hypothesis] = self._listeners.ask("transcribe", *batch)
        return hypotheses


@contextmanager
def ray_engine(
    family: str, model: Path, machine: MachineParams, params: DecodeParams, num: int
) -> Iterator[RayEngine]:
    """An engine for the time of the block; see ``ray_models``.

    Args:
        family: of models, as in ``params.yaml``.
        model: a plain transformers folder.
        machine: its device is looked for on each worker.
        params: section ``decode``.
        num: workers; 0 is one a GPU if the cluster has any, else one a core.

    Raises:
        InputError: if the cluster can't be reached, or the model can't be opened there.
    """
    open_one = partial(_open_one, family, machine, params)
    may_use_gpus = machine.device in ("auto", "cuda")
    with ray_models(open_one, model, num, may_use_gpus=may_use_gpus) as listeners:
        yield RayEngine(listeners)


def _open_one(
    family: str, machine: MachineParams, params: DecodeParams, folder: Path, on_gpu: bool
) -> Engine:
    """In a worker: an engine on one core, or on one GPU where the cluster has some."""
    own = machine if on_gpu else machine.model_copy(update={"num_threads": 1})
    decode = family_module(family, "decoding.engine")
    engine: Engine = decode.open_engine(folder, own, params)
    return engine
