"""The processes that train one model together; a lone process is all of them.

Every process plans the same steps and computes its share of each. What they exchange is numbers,
gradients and dev's transcripts; the first alone writes files. Nothing is exchanged while gradients
are computed, so one that runs out of memory there tries again by itself and keeps nobody waiting.
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

# What the first does alone, such as saving, may take that long; one that died ends all at once.
PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Processes:
    """All of a run's processes, as one of them sees them.

    Attributes:
        rank: its own number, from 0.
        count: of all.
        device: where it computes.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def share(self, batches: Sequence[TrainingBatch]) -> list[TrainingBatch]:
        """This process's part of a step's batches: whole ones while they last, then examples."""
        whole = len(batches) // self.count * self.count
        mine = list(batches[self.rank : whole : self.count])
        for batch in batches[whole:]:
            if examples := batch.examples[self.rank :: self.count]:
                mine.append(replace(batch, examples=examples))
        return mine

    def equal_share(self, batches: Sequence[TrainingBatch]) -> list[tuple[TrainingBatch, float]]:
        """This process's part of every batch, and how much it weighs.

        A batch of fewer examples than there are processes is computed by all, and weighs a share.
        """
        return [
            (replace(batch, examples=batch.examples[self.rank :: self.count]), 1.0)
            if len(batch.examples) >= self.count
            else (batch, 1 / self.count)
            for batch in batches
        ]

    def totals(self, *numbers: float) -> list[float]:
        """Each number added up over all processes."""
        return self._reduced(numbers, dist.ReduceOp.SUM)

    def least(self, number: float) -> float:
        """The smallest of all processes' numbers."""
        return self._reduced([number], dist.ReduceOp.MIN)[0]

    def any(self, happened: bool) -> bool:
        """Whether it happened to any process."""
        return bool(self.totals(happened)[0])

    def add_gradients(self, weights: Sequence[torch.nn.Parameter]) -> None:
        """Give each weight the sum of all processes' gradients, in one exchange."""
        if self.count == 1 or not weights:
            return
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for weight, part in zip(weights, parts, strict=True):
            weight.grad = part.view_as(weight)

    def same_as_first(self, tensors: Sequence[torch.Tensor]) -> None:
        """Fill tensors with those of the first process."""
        if self.count > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def gathered(self, items: list[T]) -> list[T]:
        """The lists of all processes, one after another."""
        if self.count == 1:
            return items
        lists: list[list[T]] = [[] for _ in range(self.count)]
        dist.all_gather_object(lists, items)
        return [item for one in lists for item in one]

    def wait(self) -> None:
        """Until all are here."""
        self.totals(0.0)

    def _reduced(self, numbers: Sequence[float], how: dist.ReduceOp.RedOpType) -> list[float]:
        if self.count == 1:
            return list(numbers)
        exact = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(exact, how)
        return exact.tolist()


def join_processes(device: torch.device, wanted: int) -> Processes:
    """Join the others that the launcher started, if it did, until this process ends.

    Args:
        device: where to compute; each process on a machine takes a GPU of its own.
        wanted: ``machine.num_processes``.

    Raises:
        InputError: if there are more or fewer than wanted.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count != wanted:
        raise InputError(f"machine.num_processes: expected {wanted}, torchrun started {count}")
    if count == 1:
        return Processes(0, 1, device)
    if device.type == "cuda":
        index = int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count()
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
    # Without it, accelerate chooses a number of threads of its own.
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    atexit.register(dist.destroy_process_group)
    return Processes(dist.get_rank(), count, device)


def launched() -> bool:
    """Whether torchrun, by itself or as our launcher, started this process as one of many."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1
