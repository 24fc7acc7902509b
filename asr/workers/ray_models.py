"""One model in each worker of a Ray cluster, with its methods called from this process."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from asr.workers.ray_cluster import ray_cluster, ray_result

Open = Callable[[Path, bool], Any]  # takes a model's folder and whether to use a GPU, else one core


class ModelActor:
    """A Ray actor that holds a model, so that another process can call the model's methods."""

    def __init__(self, files: Mapping[str, bytes], open_model: Open, on_gpu: bool) -> None:
        with TemporaryDirectory() as folder:
            for name, content in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self._model = open_model(Path(folder), on_gpu)

    def call(self, method: str, *words: Any) -> Any:
        """Call a method of the model."""
        return getattr(self._model, method)(*words)


class RayModels:
    """Models in workers behind the interface of one model; each call goes to a free worker.

    The caller makes the same batches as on one machine, so the results are the same.

    Attributes:
        num_workers: the number of calls that can run at once.
        device: ``cuda`` if each worker has a GPU, else ``cpu``.
    """

    def __init__(self, actors: list[Any], on_gpu: bool) -> None:
        self.num_workers, self.device = len(actors), "cuda" if on_gpu else "cpu"
        self._free: SimpleQueue[Any] = SimpleQueue()
        for actor in actors:
            self._free.put(actor)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """Return a function that calls the model's method in a free worker and waits for it.

        It raises what the model raises, and ``InputError`` if the worker died too often.
        """

        def call(*words: Any) -> Any:
            actor = self._free.get()
            try:
                return ray_result(actor.call.remote(method, *words))
            finally:
                self._free.put(actor)

        return call


@contextmanager
def ray_models(
    open_model: Open, folder: Path, num: int, *, may_use_gpus: bool
) -> Iterator[RayModels]:
    """Open models in workers for the time of the block; Ray sends the model's files to them.

    Args:
        open_model: called in each worker.
        folder: a model's folder.
        num: of workers; 0 is one for each GPU if the model may use them, else one for each core.
        may_use_gpus: whether the model can run on a GPU.

    Raises:
        InputError: if Ray is not installed, or the cluster can't be reached.
    """
    with ray_cluster(num) as (num_cores, num_gpus):
        import ray

        on_gpu = may_use_gpus and num_gpus > 0
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files = ray.put({str(path.relative_to(folder)): path.read_bytes() for path in paths})
        actor: Any = ray.remote(num_cpus=int(not on_gpu), num_gpus=int(on_gpu))(ModelActor)
        wanted = num or (num_gpus if on_gpu else num_cores)
        actors = [actor.remote(files, open_model, on_gpu) for _ in range(wanted)]
        yield RayModels(actors, on_gpu)
