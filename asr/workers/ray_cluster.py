"""Run work on a Ray cluster: that of RAY_ADDRESS, or a temporary one on this machine.

Ray sends the code of asr/ to the nodes. Each node must have the same versions of Python and of the
packages in ``requirements.txt`` and ``requirements/ray.txt``.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asr
from asr.core.errors import InputError, needs
from asr.workers.workers import VARIABLE, num_cores

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # no usage reports; ray reads this when imported


@contextmanager
def ray_cluster(num: int) -> Iterator[tuple[int, int]]:
    """Connect for the time of the block; a nested block uses the same connection.

    Args:
        num: cores of a cluster started here; 0 is all.

    Yields:
        The cluster's number of cores and of GPUs.

    Raises:
        InputError: if Ray is not installed, or the cluster can't be reached.
    """
    with needs("ray", f"{VARIABLE}=ray"):
        import ray
    connected = ray.is_initialized()
    if not connected:
        _connect(num)
    try:
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        yield max(1, int(resources.get("CPU", 1))), int(resources.get("GPU", 0))
    finally:
        if not connected:
            ray.shutdown()


def _connect(num: int) -> None:
    import ray

    address = os.environ.get("RAY_ADDRESS")
    # Ray counts all of the machine's cores, even in a container that may use fewer.
    options: dict[str, Any] = {} if address else {"num_cpus": num or num_cores()}
    try:
        ray.init(
            **options,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"py_modules": [str(Path(asr.__path__[0]).resolve())]},
        )
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        raise InputError(f"RAY_ADDRESS={address or ''}: no Ray cluster there: {error}") from error


@contextmanager
def ray_tasks(
    work: Callable[[Any], Any], num: int
) -> Iterator[tuple[Callable[[Any], Callable[[], Any]], int]]:
    """Yield a function that submits a task and returns another to wait for its results.

    Also yield the number of workers. Ray replaces a worker that dies and retries its task, at most
    three times.
    """
    with ray_cluster(num) as (all_cores, _):
        import ray

        remote = ray.remote(work_of)
        kept = ray.put(work)

        def submit(task: Any) -> Callable[[], Any]:
            reference = remote.remote(kept, task)
            return lambda: ray_result(reference)

        yield submit, num or all_cores


def work_of(work: Callable[[Any], Any], task: Any) -> Any:
    """Call ``work``; Ray sends module functions by name, and ``work`` may be a partial."""
    return work(task)


def ray_result(reference: Any) -> Any:
    """Wait for a result.

    Raises:
        InputError: if the worker died too often.
        Exception: as the work raised it.
    """
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.ActorDiedError) as error:
        raise InputError(f"a Ray worker died: {error}") from error
