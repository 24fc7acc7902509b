"""The processes that train one model together, or a single process.

Every process plans the same steps and computes its share of each. They exchange numbers, gradients
and the transcripts of dev; only the first process writes files. They exchange nothing while they
compute gradients, so a process that runs out of memory can retry without the others.
"""

import atexit
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from asr.core.errors import InputError
from asr.training.plan import TrainingBatch

T = TypeVar("T")

# The other processes wait while the first one saves. A dead process ends all without timeout.
TIMEOUT = timedelta(hours=2)


@dataclass(frozen=True)
class Processes:
    """One process of a run, and its communication with the others.

    Attributes:
        rank: number of this process, from 0.
        count: number of all processes.
        device: device of this process.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the first process, which writes files."""
        return self.rank == 0

    def share(self, batches: Sequence[TrainingBatch]) -> list[TrainingBatch]:
        """This process's share of a step: whole batches, then examples of the remaining batches."""
        whole = len(batches) // self.count * self.count
        mine = list(batches[self.rank : whole : self.count])
        for batch in batches[whole:]:
            if examples := batch.examples[self.rank :: self.count]:
                mine.append(replace(batch, examples=examples))
        return mine

    def equal_share(self, batches: Sequence[TrainingBatch]) -> list[tuple[TrainingBatch, float]]:
        """This process's examples of every batch, with the weight of their loss.

        All processes compute a batch with fewer examples than processes, with weight 1 / count.
        """
        return [
            (replace(batch, examples=batch.examples[self.rank :: self.count]), 1.0)
            if len(batch.examples) >= self.count
            else (batch, 1 / self.count)
            for batch in batches
        ]

    def totals(self, *numbers: float) -> list[float]:
        """Sum each number over all processes."""
        return self._reduced(numbers, dist.ReduceOp.SUM)

    def minimum(self, number: float) -> float:
        """Minimum of a number over all processes."""
        return self._reduced([number], dist.ReduceOp.MIN)[0]

    def any(self, happened: bool) -> bool:
        """Whether ``happened`` is true in any process."""
        return bool(self.totals(happened)[0])

    def add_gradients(self, weights: Sequence[torch.nn.Parameter]) -> None:
        """Sum the gradients of all processes, in one all-reduce."""
        if self.count == 1 or not weights:
            return
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for weight, part in zip(weights, parts, strict=True):
            weight.grad = part.view_as(weight)

    def broadcast_from_first(self, tensors: Sequence[torch.Tensor]) -> None:
        """Overwrite tensors with those of the first process."""
        if self.count > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def gathered(self, items: list[T]) -> list[T]:
        """Concatenate the lists of all processes, by rank."""
        if self.count == 1:
            return items
        lists: list[list[T]] = [[] for _ in range(self.count)]
        dist.all_gather_object(lists, items)
        return [item for one in lists for item in one]

    def barrier(self) -> None:
        """Wait until all processes call this."""
        self.totals(0.0)

    def _reduced(self, numbers: Sequence[float], how: dist.ReduceOp.RedOpType) -> list[float]:
        if self.count == 1:
            return list(numbers)
        exact = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(exact, how)
        return exact.tolist()


def join_processes(device: torch.device, wanted: int) -> Processes:
    """Connect to the other processes that torchrun started, if any, until this process ends.

    Args:
        device: device of the run; with CUDA each process of a machine takes its own GPU.
        wanted: ``machine.num_processes``.

    Raises:
        InputError: if torchrun started another number of processes, or several share an MPS device.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count != wanted:
        raise InputError(f"machine.num_processes: expected {wanted}, torchrun started {count}")
    if count == 1:
        return Processes(0, 1, device)
    if device.type == "mps":  # one GPU a machine, and gloo takes none of its tensors
        raise InputError(f"machine.num_processes: expected 1 with machine.device mps, got {count}")
    if device.type == "cuda":
        index = int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count()
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
    # If it is unset, accelerate sets its own number of threads.
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    atexit.register(dist.destroy_process_group)
    return Processes(dist.get_rank(), count, device)


def launched() -> bool:
    """Whether torchrun or our launcher started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1
