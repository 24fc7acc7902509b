"""Models in the workers of a Ray cluster, one each, asked by whoever has a batch."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from asr.workers.ray_cluster import ray_cluster, ray_result

Open = Callable[[Path, bool], Any]  # a model from its folder, on a GPU or on one core


class Holder:
    """In a worker: a model, whose methods are called from elsewhere."""

    def __init__(self, files: Mapping[str, bytes], open_model: Open, on_gpu: bool) -> None:
        with TemporaryDirectory() as folder:
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            self._model = open_model(Path(folder), on_gpu)

    def ask(self, method: str, *words: Any) -> Any:
        """Call a method of the model."""
        return getattr(self._model, method)(*words)


class RayModels:
    """Models in workers, as if they were one: each call goes to one that is free.

    Batches are made as ever, so that each is computed as one machine alone would.

    Attributes:
        num_workers: calls that they take at a time.
        device: ``cuda`` where each has a GPU, else ``cpu``.
    """

    def __init__(self, actors: list[Any], on_gpu: bool) -> None:
        self.num_workers, self.device = len(actors), "cuda" if on_gpu else "cpu"
        self._free: SimpleQueue[Any] = SimpleQueue()
        for actor in actors:
            self._free.put(actor)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """A method of the model's, which waits for its answer.

        The method raises ``InputError`` if the worker died too often, else what the model raised.
        """

        def ask(*words: Any) -> Any:
            actor = self._free.get()
            try:
                return ray_result(actor.ask.remote(method, *words))
            finally:
                self._free.put(actor)

        return ask


@contextmanager
def ray_models(
    open_model: Open, folder: Path, num: int, *, may_use_gpus: bool
) -> Iterator[RayModels]:
    """Models for the time of the block; their files travel to the cluster.

    Args:
        open_model: called in each worker.
        folder: a plain transformers folder.
        num: of workers; 0 is one a GPU if the cluster has any to use, else one a core.
        may_use_gpus: whether the model runs on one.

    Raises:
        InputError: if Ray is not installed, or the cluster can't be reached.
    """
    with ray_cluster(num) as (num_cores, num_gpus):
        import ray

        on_gpu = may_use_gpus and num_gpus > 0
        files = ray.put({path.name: path.read_bytes() for path in folder.iterdir()})
        actor: Any = ray.remote(num_cpus=int(not on_gpu), num_gpus=int(on_gpu))(Holder)
        wanted = num or (num_gpus if on_gpu else num_cores)
        actors = [actor.remote(files, open_model, on_gpu) for _ in range(wanted)]
        yield RayModels(actors, on_gpu)
