# python -m pytest tests/test_parallel.py
"""Real processes: tasks, faults and signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.workers.parallel import MAX_TASK_ITEMS, ordered_map
from asr.workers.workers import Workers, chosen_workers, num_cores

SERIAL, PROCESSES = Workers("serial"), Workers("processes", 2)

# Prints the ids of its two workers, then works for as long as it lives. What a shell starts in the
# background inherits that Ctrl-C is ignored.
ENDLESS = """
import itertools, signal
from tests.test_parallel import PROCESSES, mapped, slow_pid
signal.signal(signal.SIGINT, signal.default_int_handler)
seen = set()
for _, pid in mapped(slow_pid, itertools.count(), PROCESSES):
    if pid not in seen:
        print(pid, flush=True)
    seen.add(pid)
"""


def mapped(function, items, workers, known=lambda _: None):
    return ordered_map(function, items, workers, name=str, size=lambda _: 1, known=known)


def halve(number):
    """Larger numbers take longer, so that results are ready in another order."""
    time.sleep(number % 3 / 1000)
    if number == 13:
        raise InputError("no half")
    if number == 14:
        raise ZeroDivisionError("half a failure")
    if number == 15:
        os.kill(os.getpid(), signal.SIGKILL)
    return number / 2


def slow_pid(_):
    time.sleep(0.01)
    return os.getpid()


@pytest.mark.integration
@pytest.mark.parametrize("workers", [SERIAL, PROCESSES])
def test_results_come_in_the_items_order(workers):
    numbers = list(range(100, 200))
    assert list(mapped(halve, numbers, workers)) == [(n, n / 2) for n in numbers]
    assert list(mapped(halve, [], workers)) == []


@pytest.mark.integration
@pytest.mark.parametrize("workers", [SERIAL, PROCESSES])
def test_what_is_known_is_not_computed(workers):
    def known(number):
        return -1 if number in (13, 14, 15) else None

    found = [result for _, result in mapped(halve, range(12, 18), workers, known)]
    assert found == [6.0, -1, -1, -1, 8.0, 8.5]


@pytest.mark.integration
def test_the_work_is_done_in_other_processes_once_patience_ends():
    patient = Workers("processes", 2, serial_s=0.05)
    pids = [pid for _, pid in mapped(slow_pid, range(40), patient)]
    assert pids[0] == os.getpid() != pids[-1]
    assert pids.count(os.getpid()) <= 5  # of at least 10 ms each


@pytest.mark.integration
@pytest.mark.parametrize("workers", [SERIAL, PROCESSES])
def test_items_are_taken_no_faster_than_results(workers):
    taken = 0

    def items():
        nonlocal taken
        for number in range(100, 10_000):
            taken += 1
            yield number

    results = mapped(halve, items(), workers)
    next(results)
    assert taken <= (1 if workers is SERIAL else 7 * MAX_TASK_ITEMS)
    results.close()


@pytest.mark.integration
@pytest.mark.parametrize("workers", [SERIAL, PROCESSES])
def test_a_fault_names_its_item(workers):
    with pytest.raises(InputError, match=r"^13: no half$"):
        list(mapped(halve, range(100), workers))
    with pytest.raises(ZeroDivisionError, match="half a failure") as caught:
        list(mapped(halve, [14], workers))
    assert caught.value.__notes__ == ["while working on 14"]


class AbsentError(InputError):
    """By which a caller knows what to do."""


def absent(number):
    raise AbsentError("not here")


@pytest.mark.integration
@pytest.mark.parametrize("workers", [SERIAL, PROCESSES])
def test_a_fault_stays_of_its_class(workers):
    with pytest.raises(AbsentError, match=r"^13: not here$"):
        list(mapped(absent, [13], workers))


@pytest.mark.integration
def test_a_worker_that_dies_is_told():
    # The one at fault need not be in the task whose results are waited for.
    message = r"a worker process died at one of (100|15) … 130: was it killed, or out of memory\?"
    with pytest.raises(InputError, match=message):
        list(mapped(halve, [*range(100, 116), 15, *range(116, 131)], PROCESSES))


@pytest.mark.integration
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(stop):
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as parent:
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        parent.send_signal(stop)
        try:
            assert parent.wait(20) != 0
        finally:
            parent.kill()  # or leaving the block would wait for it
        assert "Traceback" not in parent.stderr.read().replace("Traceback", "", 1)  # its own alone
    deadline = time.monotonic() + 10
    while (alive := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive


def is_alive(pid):
    """Whether it works: one that ended and that nobody asked for yet is dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("text", "workers"),
    [
        ("serial", Workers("serial")),
        ("processes:3", Workers("processes", 3)),
        ("processes", Workers("processes", num_cores())),
        ("ray", Workers("ray", 0)),
        ("ray:2", Workers("ray", 2)),
    ],
)
def test_the_environment_chooses(monkeypatch, text, workers):
    monkeypatch.setenv("MOTHERTONGUE_WORKERS", text)
    assert chosen_workers() == workers


@pytest.mark.parametrize(
    "text", ["threads", "processes:", "processes:0", "processes:two", "ray:-1"]
)
def test_a_wrong_choice_names_the_variable(monkeypatch, text):
    monkeypatch.setenv("MOTHERTONGUE_WORKERS", text)
    with pytest.raises(InputError, match=rf"MOTHERTONGUE_WORKERS: expected .*, got '{text}'"):
        chosen_workers()


def test_without_a_choice_cores_are_used_after_a_second(monkeypatch):
    monkeypatch.delenv("MOTHERTONGUE_WORKERS", raising=False)
    assert chosen_workers() == Workers("processes", num_cores(), serial_s=1.0)
    assert 1 <= num_cores() <= os.cpu_count()
