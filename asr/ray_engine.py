"""Decoding on a Ray cluster: an engine in each of its workers, fed from here.

To who transcribes this is one engine more, which takes as many batches at a time as there are
workers; batches are made as ever, so that each is heard as one machine alone would.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from asr.audio import Waveform
from asr.hypothesis import Hypothesis
from asr.ray_cluster import ray_cluster, ray_result
from asr.schemas.decode import Params as DecodeParams
from asr.schemas.machine import Params as MachineParams
from asr.utterance import Utterance


class Listener:
    """In a worker: a model on one core, or on one GPU where the cluster has some."""

    def __init__(
        self, family: str, files: dict[str, bytes], machine: MachineParams, params: DecodeParams
    ) -> None:
        from asr.device import use_machine
        from asr.families import family_module

        device = use_machine(machine)
        with TemporaryDirectory() as folder:
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            decode = family_module(family, "decode")
            self._engine = decode.open_engine(Path(folder), device, params, machine.num_threads)

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """As ``asr.decoding.Engine``."""
        hypotheses: list[Hypothesis] = self._engine.transcribe(
            waveforms, utterances, context_s, budgets
        )
        return hypotheses


class RayEngine:
    """An ``asr.decoding.Engine`` made of others."""

    def __init__(self, listeners: Sequence[Any]) -> None:
        self.num_workers = len(listeners)
        self._free: SimpleQueue[Any] = SimpleQueue()
        for listener in listeners:
            self._free.put(listener)

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """As ``asr.decoding.Engine``, by whoever is free."""
        listener = self._free.get()
        try:
            batch = waveforms, utterances, context_s, budgets
            hypotheses: list[Hypothesis] = ray_result(listener.transcribe.remote(*batch))
            return hypotheses
        finally:
            self._free.put(listener)


@contextmanager
def ray_engine(
    family: str, model: Path, machine: MachineParams, params: DecodeParams, num: int
) -> Iterator[RayEngine]:
    """An engine for the time of the block; the model's files travel to the cluster.

    Args:
        family: of models, as in ``params.yaml``.
        model: a plain transformers folder.
        machine: its device is looked for on each worker.
        params: section ``decode``.
        num: workers; 0 is one a GPU if the cluster has any, else one a core.

    Raises:
        InputError: if the cluster can't be reached, or the model can't be opened there.
    """
    import ray

    with ray_cluster(num) as (num_cores, num_gpus):
        on_gpu = machine.device in ("auto", "cuda") and num_gpus > 0
        one_core = machine if on_gpu else machine.model_copy(update={"num_threads": 1})
        files = ray.put({path.name: path.read_bytes() for path in model.iterdir()})
        listener = ray.remote(num_cpus=int(not on_gpu), num_gpus=int(on_gpu))(Listener)
        yield RayEngine(
            [
                listener.remote(family, files, one_core, params)
                for _ in range(num or (num_gpus if on_gpu else num_cores))
            ]
        )
