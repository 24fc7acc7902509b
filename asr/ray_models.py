"""Models in the workers of a Ray cluster, one each, asked by whoever has a batch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from asr.ray_cluster import ray_cluster, ray_result

Files = Mapping[str, bytes]  # of a model's folder, by name


class RayModels:
    """Actors of one kind. Attributes: num, how many batches they take at a time."""

    def __init__(self, actors: list[Any]) -> None:
        self.num = len(actors)
        self._free: SimpleQueue[Any] = SimpleQueue()
        for actor in actors:
            self._free.put(actor)

    def ask(self, method: str, *words: Any) -> Any:
        """Call a method of whoever is free, and wait for its answer.

        Raises:
            InputError: if the worker died too often.
            Exception: as the method raised it.
        """
        actor = self._free.get()
        try:
            return ray_result(getattr(actor, method).remote(*words))
        finally:
            self._free.put(actor)


@contextmanager
def ray_models(
    kind: type, folder: Path, words: tuple[Any, ...], num: int, *, may_use_gpus: bool
) -> Iterator[RayModels]:
    """Actors for the time of the block; the model's files travel to the cluster.

    Args:
        kind: an actor's class, made from the files, ``words`` and whether it has a GPU.
        folder: a plain transformers folder.
        words: what else it is made from.
        num: of actors; 0 is one a GPU if the cluster has any to use, else one a core.
        may_use_gpus: whether the model runs on one.

    Raises:
        InputError: if the cluster can't be reached.
    """
    import ray

    with ray_cluster(num) as (num_cores, num_gpus):
        on_gpu = may_use_gpus and num_gpus > 0
        files = ray.put({path.name: path.read_bytes() for path in folder.iterdir()})
        actor: Any = ray.remote(num_cpus=int(not on_gpu), num_gpus=int(on_gpu))(kind)
        wanted = num or (num_gpus if on_gpu else num_cores)
        yield RayModels([actor.remote(files, *words, on_gpu) for _ in range(wanted)])


@contextmanager
def unpacked(files: Files) -> Iterator[Path]:
    """The folder with these files, for the time of the block."""
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        yield Path(folder)
