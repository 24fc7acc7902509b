"""torch's CUDA against the driver's, and who holds the GPUs' memory, as NVIDIA's library says."""

import importlib.util
import runpy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pynvml

from asr.devices.params import MachineParams
from asr.doctor.finding import Finding, Status

GB = 1e9
MUCH = 0.1  # share of a GPU's memory; a desktop alone holds less
# The oldest driver for a CUDA of this major version, on Linux (CUDA's release notes, table 2).
OLDEST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}


@dataclass(frozen=True)
class Gpu:
    """One GPU; ``holders`` are bytes by process id, None where a container hides them."""

    name: str
    total: int
    used: int
    holders: dict[int, int | None]


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver: its version, the newest CUDA that it runs, and its GPUs."""

    version: str
    cuda: tuple[int, int]
    gpus: list[Gpu]


def read_driver() -> Driver | None:
    """Ask NVIDIA's library; None on a machine without the driver.

    Raises:
        pynvml.NVMLError: if the driver is there and does not answer.
    """
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        return None
    try:
        number = pynvml.nvmlSystemGetCudaDriverVersion_v2()  # 12020 is 12.2
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return Driver(
            str(pynvml.nvmlSystemGetDriverVersion()),
            (number // 1000, number % 1000 // 10),
            [_gpu(handle) for handle in handles],
        )
    finally:
        pynvml.nvmlShutdown()


def check_torch(machine: MachineParams) -> Iterator[Finding]:
    """Whether torch is built for a CUDA that the driver runs, and can use the machine's GPUs."""
    torch, cuda = version("torch"), torch_cuda()
    try:
        driver = read_driver()
    except pynvml.NVMLError as error:
        # After an update of the driver its module and its library differ until the next boot.
        yield Finding("fail", f"NVIDIA's driver does not answer: {error}", "sudo reboot")
        return
    if driver is None or not driver.gpus:
        status: Status = "fail" if machine.device == "cuda" else "ok"
        text = f"torch {torch}; no NVIDIA GPU here, machine.device is {machine.device}"
        yield Finding(status, text, "nvidia-smi" if status == "fail" else "")
        return
    names = ", ".join(sorted({gpu.name for gpu in driver.gpus}))
    if cuda is None:
        pin = f"torch=={torch.partition('+')[0]}"
        text = f"torch {torch} is built for CPUs, and here are {len(driver.gpus)} GPUs: {names}"
        yield Finding("fail", text, f"pip install --force-reinstall -c conf/constraints.txt {pin}")
        return
    built = f"torch {torch} is built for CUDA {cuda}, driver {driver.version}"
    major = int(cuda.partition(".")[0])
    if driver.cuda[0] < major:  # minor versions are compatible
        oldest = OLDEST_DRIVER.get(major, "the newest")
        mend = f"update NVIDIA's driver to {oldest}, or install a torch for an older CUDA"
        yield Finding("fail", f"{built} runs {'.'.join(map(str, driver.cuda))} at most", mend)
    else:
        yield Finding("ok", f"{built} runs it, {len(driver.gpus)} × {names}")


def check_memory() -> Iterator[Finding]:
    """How much of each GPU's memory is free, and which processes hold the rest."""
    with suppress(pynvml.NVMLError):  # check_torch reports it
        driver = read_driver()
        for index, gpu in enumerate(driver.gpus if driver else []):
            amount = f"GPU {index}: {gpu.used / GB:.1f} of {gpu.total / GB:.1f} GB in use"
            if gpu.used <= MUCH * gpu.total:
                yield Finding("ok", amount)
                continue
            holders = ", ".join(f"{_process(pid)}{_size(b)}" for pid, b in gpu.holders.items())
            mend = f"kill {' '.join(map(str, gpu.holders))}" if gpu.holders else "nvidia-smi"
            hidden = "processes outside this container"
            yield Finding("warn", f"{amount}, by {holders or hidden}", mend)


def torch_cuda() -> str | None:
    """The CUDA that torch is built for. To import torch for that would take seconds."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    cuda: str | None = runpy.run_path(str(Path(found.origin).with_name("version.py")))["cuda"]
    return cuda


def _gpu(handle: object) -> Gpu:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    holders = {process.pid: process.usedGpuMemory for process in running}
    return Gpu(str(pynvml.nvmlDeviceGetName(handle)), memory.total, memory.used, holders)


def _process(pid: int) -> str:
    """``1234 (python of me)``, or the number alone for a process outside a container."""
    folder = Path("/proc", str(pid))
    try:
        return f"{pid} ({(folder / 'comm').read_text().strip()} of {folder.owner()})"
    except (OSError, KeyError):
        return str(pid)


def _size(used: int | None) -> str:
    return "" if used is None else f" {used / GB:.1f} GB"
