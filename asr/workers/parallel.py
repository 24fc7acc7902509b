"""A map whose work may be done elsewhere: results in the items' order, memory bounded."""

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

# A task is a few items, since handing one over costs 0.2 ms; and few where they are large.
MAX_TASK_ITEMS = 16
MAX_TASK_BYTES = 1 << 20
TASKS_A_WORKER = 3  # in flight: one at work, one waiting for it, one whose results are taken

Item = TypeVar("Item")
Result = TypeVar("Result")
Task = list[tuple[str, Any]]  # items and their names
Take = Callable[[], list[Any]]  # waits for a task's results, and raises what went wrong


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
    items = iter(items)
    spent_s = 0.0
    while workers.kind == "serial" or spent_s < workers.patience_s:
        try:
            item = next(items)
        except StopIteration:
            return
        result = known(item)
        if result is None:
            started = time.monotonic()
            (result,) = _work(function, [(name(item), item)])
            spent_s += time.monotonic() - started
        yield item, result
    with _pool(workers, function) as (submit, num):
        yield from _windowed(submit, num * TASKS_A_WORKER, items, name, size, known)


def _windowed(
    submit: Callable[[Task], Take],
    max_tasks: int,
    items: Iterator[Item],
    name: Callable[[Item], str],
    size: Callable[[Item], int],
    known: Callable[[Item], Result | None],
) -> Iterator[tuple[Item, Result]]:
    """Keep ``max_tasks`` in flight, and as many items whose result is known between them."""
    flying: deque[tuple[Task, Take]] = deque()
    task: Task = []
    task_bytes = 0

    def send() -> None:
        nonlocal task, task_bytes
        if task:
            flying.append((task, submit(task)))
        task, task_bytes = [], 0

    def land() -> Iterator[tuple[Item, Result]]:
        landed, take = flying.popleft()
        for (_, item), result in zip(landed, take(), strict=True):
            yield item, result

    for item in items:
        if (result := known(item)) is not None:
            send()
            flying.append(([("", item)], partial(list, (result,))))
        else:
            task.append((name(item), item))
            task_bytes += size(item)
            if len(task) == MAX_TASK_ITEMS or task_bytes >= MAX_TASK_BYTES:
                send()
        while len(flying) > max_tasks:
            yield from land()
    send()
    while flying:
        yield from land()


def _work(function: Callable[[Any], Any], task: Task) -> list[Any]:
    """What a worker does with a task."""
    results = []
    for name, item in task:
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
    workers: Workers, function: Callable[[Any], Any]
) -> Iterator[tuple[Callable[[Task], Take], int]]:
    """Workers for the time of the block, and how many there are."""
    work = partial(_work, function)
    if workers.kind == "ray":
        from asr.workers.ray_cluster import ray_tasks

        with ray_tasks(work, workers.num) as tasks:
            yield tasks
    else:
        with _processes(workers.num) as pool:
            yield partial(_submit, pool, work), workers.num


@contextmanager
def _processes(num: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with this one, whatever ends it."""
    # Forking this process itself would copy locks that its threads hold. A server that imported
    # once what they all need starts each in milliseconds; where there is none, they import anew.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(sorted(m for m in sys.modules if m.startswith("asr.")))
    pool = ProcessPoolExecutor(num, context, initializer=_begin)
    try:
        yield pool
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


def _submit(pool: ProcessPoolExecutor, work: Callable[[Task], list[Any]], task: Task) -> Take:
    def died() -> InputError:
        first, last = task[0][0], task[-1][0]
        return InputError(
            f"a worker process died at or before {first} … {last}: was it killed, or out of "
            f"memory? {VARIABLE}=serial works in one process and shows at which"
        )

    try:
        future = pool.submit(work, task)
    except BrokenProcessPool as error:
        raise died() from error

    def take() -> list[Any]:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise died() from error

    return take
