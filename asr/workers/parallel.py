"""A map whose work may be done elsewhere: results in the items' order, memory bounded.

The processes are those of ``concurrent.futures``, since a pool of ``multiprocessing`` waits for
ever for a worker that was killed. Before Python 3.14 the executor's own ``map`` takes all items
before it gives a result, and a corpus is larger than memory: so it is not used. What else is here:
tasks of several items, the name of the item at fault, and workers that end with their parent.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from asr.core.errors import InputError
from asr.workers.workers import VARIABLE, Workers

# A task is a few items: handed over one by one, each costs the parent 0.15 ms more, and 16 cores
# would wait for it. It is fewer where they are large.
MAX_TASK_ITEMS = 16
MAX_TASK_BYTES = 1 << 20
TASKS_A_WORKER = 3  # in flight: one at work, one waiting for it, one whose results are taken

Item = TypeVar("Item")
Result = TypeVar("Result")
Task = list[tuple[Item, Result | None]]  # the result where it is known
Submit = Callable[[list[tuple[str, Any]]], Callable[[], list[Any]]]  # names and items; the wait


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: Workers,
    name: Callable[[Item], str],
    size: Callable[[Item], int],
    known: Callable[[Item], Result | None],
) -> Generator[tuple[Item, Result], None, None]:
    """Each item and the function's result for it, in the items' order.

    Items are taken from their source no faster than results are taken from here.

    Args:
        function: can be pickled, and so can items and results.
        items: may be more than fit into memory.
        workers: where the function is called.
        name: an item's, for messages.
        size: an item's, in bytes.
        known: an item's result, where it need not be computed.

    Raises:
        InputError: as the function raised it, the item's name before it; or because a worker died.
        Exception: as the function raised it, the item's name in a note.
    """
    pairs = ((item, known(item)) for item in items)
    spent_s = 0.0
    while workers.kind == "serial" or spent_s < workers.patience_s:
        try:
            item, result = next(pairs)
        except StopIteration:
            return
        if result is None:
            started = time.monotonic()
            (result,) = _work(function, [(name(item), item)])
            spent_s += time.monotonic() - started
        yield item, result
    with _pool(workers, partial(_work, function)) as (submit, num):
        yield from _windowed(submit, num * TASKS_A_WORKER, _tasks(pairs, size), name)


def _tasks(
    pairs: Iterable[tuple[Item, Result | None]], size: Callable[[Item], int]
) -> Iterator[Task[Item, Result]]:
    task, num_bytes = [], 0
    for item, result in pairs:
        task.append((item, result))
        num_bytes += size(item)
        if len(task) == MAX_TASK_ITEMS or num_bytes >= MAX_TASK_BYTES:
            yield task
            task, num_bytes = [], 0
    if task:
        yield task


def _windowed(
    submit: Submit,
    max_tasks: int,
    tasks: Iterable[Task[Item, Result]],
    name: Callable[[Item], str],
) -> Iterator[tuple[Item, Result]]:
    """Keep ``max_tasks`` in flight."""
    flying: deque[tuple[Task[Item, Result], Callable[[], list[Any]]]] = deque()
    try:
        for task in tasks:
            flying.append((task, submit([(name(i), i) for i, known in task if known is None])))
            if len(flying) > max_tasks:
                yield from _landed(*flying[0])
                flying.popleft()
        while flying:
            yield from _landed(*flying[0])
            flying.popleft()
    except BrokenProcessPool as error:
        names = [name(item) for task, _ in flying for item, known in task if known is None]
        raise InputError(
            f"a worker process died at one of {' … '.join(names[:1] + names[-1:])}: was it killed, "
            f"or out of memory? {VARIABLE}=serial works in one process and shows at which"
        ) from error


def _landed(
    task: Task[Item, Result], take: Callable[[], list[Result]]
) -> Iterator[tuple[Item, Result]]:
    results = iter(take())
    for item, known in task:
        yield item, next(results) if known is None else known


def _work(function: Callable[[Any], Any], named: list[tuple[str, Any]]) -> list[Any]:
    """What a worker does with a task's items."""
    results = []
    for name, item in named:
        try:
            results.append(function(item))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        except Exception as error:
            error.add_note(f"while working on {name}")
            raise
    return results


@contextmanager
def _pool(
    workers: Workers, work: Callable[[list[tuple[str, Any]]], list[Any]]
) -> Iterator[tuple[Submit, int]]:
    """Workers for the time of the block, and how many there are."""
    if workers.kind == "ray":
        from asr.workers.ray_cluster import ray_tasks

        with ray_tasks(work, workers.num) as tasks:
            yield tasks
        return
    # Forking this process itself would copy locks that its threads hold. A server that imported
    # once what they all need starts each in milliseconds; where there is none, they import anew.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(sorted(m for m in sys.modules if m.startswith("asr.")))
    pool = ProcessPoolExecutor(workers.num, context, initializer=_begin)
    try:
        yield lambda named: pool.submit(work, named).result, workers.num
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In a worker: leave Ctrl-C to the parent, and end when the parent does, even by SIGKILL."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("a worker process without a parent")

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
