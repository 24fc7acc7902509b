"""Devices with prices, ``conf/devices.yaml``, and how long they take for what a run costs."""

import datetime
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field, Strict, ValidationError

from asr.core.errors import InputError, faults
from asr.core.params import read_yaml
from asr.core.schema import Schema
from asr.planning.step_cost import BatchCost

DEVICES = Path("conf/devices.yaml")
Precision = Literal["fp32", "bf16", "fp16"]
Date = Annotated[datetime.date, Strict(False)]  # YAML 1.2 has no dates, only text
Positive = Annotated[float, Field(gt=0)]
Clock = Callable[[], float]  # seconds
SIZES = (512, 1024, 2048)  # of square matrices
MOVED = 2**26  # float32 numbers of the copy that measures bandwidth: 256 MiB
SMALL = 1000  # operations on 16 numbers each


class Price(Schema):
    """A price with the date when its page was read."""

    usd_per_hour: float = Field(ge=0)
    date: Date
    source: str = Field(min_length=1)


class Tflops(Schema):
    """Peak of dense matrix products by ``train.precision``, 10^12 FLOPs a second."""

    fp32: Positive
    bf16: Positive
    fp16: Positive


class Device(Schema):
    """A device to train on; see the comment at the top of ``conf/devices.yaml``."""

    memory_gb: Positive
    tflops: Tflops
    bandwidth_gb_s: Positive
    share_of_peak: float = Field(gt=0, le=1)
    operation_us: Positive
    price: Price | None

    def seconds(self, cost: BatchCost, precision: Precision) -> float:
        """Time for batches of this cost: arithmetic, memory, and starting the operations."""
        peak: float = getattr(self.tflops, precision)
        rate = peak * 1e12 * self.share_of_peak
        moved = cost.bytes_moved / (self.bandwidth_gb_s * 1e9 * self.share_of_peak)
        return cost.flops / rate + moved + cost.num_operations * self.operation_us * 1e-6


class ThisCpu(Schema):
    """What was measured of training on a CPU, by family."""

    time_factor: dict[str, Positive]
    dev_clip: dict[str, Positive]


class MemoryParams(Schema):
    """What a GPU needs beside the tensors."""

    context_gb: float = Field(ge=0)
    allocator_share: float = Field(ge=0, lt=1)


class Storage(Schema):
    """Price of a DVC remote."""

    usd_per_gb_month: float = Field(ge=0)
    date: Date
    source: str = Field(min_length=1)


class CorpusRates(Schema):
    """Assumed of a corpus whose files are not there."""

    chars_per_s: Positive
    raw_mb_per_hour: Positive
    prepared_mb_per_hour: Positive


class DevicesFile(Schema):
    """``conf/devices.yaml``."""

    devices: dict[str, Device] = Field(min_length=1)
    this_cpu: ThisCpu
    memory: MemoryParams
    storage: Storage
    corpus: CorpusRates


def read_devices(path: Path = DEVICES) -> DevicesFile:
    """Read the file.

    Raises:
        InputError: every fault at once, each with key, expected and got.
    """
    try:
        return DevicesFile.model_validate(read_yaml(path))
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {fault}" for fault in faults(error))) from error


def measured_cpu(memory_gb: float, time_factor: float, num_threads: int) -> Device:
    """This machine's CPU, by rates that are measured now.

    Args:
        memory_gb: of the machine.
        time_factor: see ``ThisCpu``.
        num_threads: of torch while it measures, ``machine.num_threads``.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        rate = peak_gflops(time.perf_counter) / 1e3 / time_factor
        return Device(
            memory_gb=memory_gb,
            # A CPU without instructions for bf16 and fp16 is no faster with them, or much slower.
            tflops=Tflops(fp32=rate, bf16=rate, fp16=rate),
            bandwidth_gb_s=bandwidth_gb_s(time.perf_counter) / time_factor,
            share_of_peak=1.0,
            operation_us=operation_us(time.perf_counter) * time_factor,
            price=None,
        )
    finally:
        torch.set_num_threads(before)


def peak_gflops(clock: Clock, repetitions: int = 10) -> float:
    """The best rate of a float32 matrix product on torch's threads, in GFLOP/s."""
    best = 0.0
    for size in SIZES:
        left, right = torch.rand(size, size), torch.rand(size, size)
        for _ in range(repetitions):
            start = clock()
            torch.mm(left, right)
            best = max(best, 2 * size**3 / (clock() - start))
    return best / 1e9


def bandwidth_gb_s(clock: Clock, repetitions: int = 5) -> float:
    """The best rate of a copy that no cache holds, read and written, in GB/s."""
    source, target = torch.rand(MOVED), torch.empty(MOVED)
    best = 0.0
    for _ in range(repetitions):
        start = clock()
        target.copy_(source)
        best = max(best, 2 * source.nbytes / (clock() - start))
    return best / 1e9


def operation_us(clock: Clock, repetitions: int = 5) -> float:
    """Microseconds that an operation takes for hardly any numbers, as a part of a training step."""
    numbers = torch.rand(16, requires_grad=True)
    best = float("inf")
    for _ in range(repetitions):
        start = clock()
        result = numbers
        for _ in range(SMALL):
            result = result + 1.0
        result.sum().backward()  # type: ignore[no-untyped-call]
        best = min(best, (clock() - start) / (2 * SMALL))
    return 1e6 * best
