"""A parallel map in bounded memory: results in the items' order, by processes or Ray.

Processes are those of ``concurrent.futures``: a pool of ``multiprocessing`` waits forever for a
killed worker. Before Python 3.14 the executor's own ``map`` reads all items before it yields a
result, and a corpus may be larger than memory, so this module does not use it. It also puts several
items into a task, adds the item's name to errors, and ends workers when their parent ends.
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

# A task has several items: single items cost the parent 0.15 ms more each, and 16 cores would wait
# for it. A task of large items has fewer.
MAX_TASK_ITEMS = 16
MAX_TASK_BYTES = 1 << 20
TASKS_A_WORKER = 3  # in flight: one running, one queued, one whose results are being read

Item = TypeVar("Item")
Result = TypeVar("Result")
Task = list[tuple[Item, Result | None]]  # None if the result must be computed
# Takes names and items of a task; returns a function that waits for the results.
Submit = Callable[[list[tuple[str, Any]]], Callable[[], list[Any]]]


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: Workers,
    name: Callable[[Item], str],
    size: Callable[[Item], int],
    known: Callable[[Item], Result | None],
) -> Generator[tuple[Item, Result], None, None]:
    """Yield each item with the function's result, in the items' order.

    Items are read no faster than the caller reads results.

    Args:
        function: can be pickled, and so can items and results.
        items: may be more than fit into memory.
        workers: that call the function.
        name: returns an item's name, for messages.
        size: returns an item's size, in bytes.
        known: returns an item's result if it is cached, else None.

    Raises:
        InputError: of the function and of the same class, with the item's name in front; or
            because a worker died.
        Exception: any other of the function, with the item's name in a note.
    """
    pairs = ((item, known(item)) for item in items)
    spent_s = 0.0
    while workers.kind == "serial" or spent_s < workers.serial_s:
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
    in_flight: deque[tuple[Task[Item, Result], Callable[[], list[Any]]]] = deque()
    try:
        for task in tasks:
            in_flight.append((task, submit([(name(i), i) for i, known in task if known is None])))
            if len(in_flight) > max_tasks:
                yield from _results(*in_flight[0])
                in_flight.popleft()
        while in_flight:
            yield from _results(*in_flight[0])
            in_flight.popleft()
    except BrokenProcessPool as error:
        names = [name(item) for task, _ in in_flight for item, known in task if known is None]
        raise InputError(
            f"a worker process died at one of {' … '.join(names[:1] + names[-1:])}: was it killed, "
            f"or out of memory? {VARIABLE}=serial works in one process and shows at which"
        ) from error


def _results(
    task: Task[Item, Result], take: Callable[[], list[Result]]
) -> Iterator[tuple[Item, Result]]:
    results = iter(take())
    for item, known in task:
        yield item, next(results) if known is None else known


def _work(function: Callable[[Any], Any], named: list[tuple[str, Any]]) -> list[Any]:
    """In a worker: call the function for each item of a task."""
    results = []
    for name, item in named:
        try:
            results.append(function(item))
        except InputError as error:
            raise type(error)(f"{name}: {error}") from error
        except Exception as error:
            error.add_note(f"while working on {name}")
            raise
    return results


@contextmanager
def _pool(
    workers: Workers, work: Callable[[list[tuple[str, Any]]], list[Any]]
) -> Iterator[tuple[Submit, int]]:
    """Start workers for the block; yield a function to submit tasks, and the worker count."""
    if workers.kind == "ray":
        from asr.workers.ray_cluster import ray_tasks

        with ray_tasks(work, workers.num) as tasks:
            yield tasks
        return
    # A fork of this process would copy locks that its threads hold. A fork server imports all
    # modules once and then starts a worker in milliseconds; with spawn, each worker imports them.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(sorted(m for m in sys.modules if m.startswith("asr.")))
    pool = ProcessPoolExecutor(workers.num, context, initializer=_start_worker)
    try:
        yield lambda named: pool.submit(work, named).result, workers.num
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """In a worker: ignore Ctrl-C, which the parent handles, and exit when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("a worker process without a parent")

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
