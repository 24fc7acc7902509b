"""One update of the weights: gradients in parts that fit the memory, shared among processes."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import nn
from torch.distributed.tensor import DTensor

from asr.core.errors import InputError
from asr.families.protocols import Batch
from asr.training.batch_limit import BatchLimit, fitting
from asr.training.distributed.processes import Processes
from asr.training.distributed.sharding import norm, own, shard
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch
from asr.training.state.log import CurveRow
from asr.training.trainee import Task

MIXED_PRECISION = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


class Updater:
    """The weights that learn, and how a step's batches change them.

    Attributes:
        weights: those that learn, by name.
        optimizer: AdamW, with its moments.
    """

    def __init__(
        self, task: Task, params: TrainParams, processes: Processes, batch_limits: Path
    ) -> None:
        """Prepare the network of ``task``; ``batch_limits`` remembers what fits which device."""
        self.task, self.params, self.processes = task, params, processes
        # An adapter begins with random numbers.
        processes.same_as_first([weight.data for weight in trainable(task.network).values()])
        if task.in_parts:
            shard(task.summed_loss, task.in_parts, processes)
        self.weights = trainable(task.network)
        self.accelerator = Accelerator(
            mixed_precision=MIXED_PRECISION[params.precision], cpu=processes.device.type == "cpu"
        )
        groups = _groups(self.weights, params.weight_decay, task.rate_factors)
        adamw = torch.optim.AdamW(groups, lr=params.lr, betas=params.betas, fused=True)
        self.optimizer = self.accelerator.prepare_optimizer(adamw)
        # Mixed precision without DistributedDataParallel, which exchanges gradients within each
        # backward pass: processes with unlike numbers of batches would wait for ever.
        self.loss = self.accelerator.prepare_model(task.summed_loss, evaluation_mode=True)
        self.limit = BatchLimit(
            batch_limits,
            f"{_device_name(processes.device)}, {_num_weights(task.network):,} weights",
        )

    def step(self, batches: list[TrainingBatch], rate: float) -> CurveRow:
        """One update; every target token of all batches of all processes weighs the same."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]
        if self.task.in_parts:
            loss = self._gradients_of_parts(self.processes.equal_share(batches))
        else:
            loss = self._gradients(self.processes.share(batches))
        whole = [weight for weight in self.weights.values() if not isinstance(weight, DTensor)]
        self.processes.add_gradients(whole)
        self.limit.most_s = self.processes.least(self.limit.most_s)
        grad_norm = self._clip()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {
            "loss": self.processes.totals(loss)[0],
            "grad_norm": grad_norm,
            "audio_s": sum(example.duration_s for b in batches for example in b.examples),
        }

    def _gradients(self, batches: list[TrainingBatch]) -> float:
        """Add up the gradients of this process's batches, in parts that fit; returns their loss."""
        num_targets = 0
        while True:
            parts = fitting(batches, self.limit.most_s)
            try:
                collated = [self.task.collate(part) for part in parts]
                # Once a step, however often memory runs out here: the others ask once too.
                if not num_targets:
                    here = sum(part.num_targets for part in collated)
                    num_targets = round(self.processes.totals(here)[0])
                return self._backward(((part, 1.0) for part in collated), num_targets)
            except RuntimeError as error:
                if not should_reduce_batch_size(error):
                    raise
            # Past the handler, whose traceback holds the tensors that filled the memory.
            self.optimizer.zero_grad()
            clear_device_cache(garbage_collection=True)
            self.limit.lower(parts)

    def _gradients_of_parts(self, shares: list[tuple[TrainingBatch, float]]) -> float:
        """The same where layers are in parts, so that every process must keep step."""
        try:
            collated = [(self.task.collate(batch), weight) for batch, weight in shares]
            here = sum(weight * batch.num_targets for batch, weight in collated)
            num_targets = round(self.processes.totals(here)[0])
            return self._backward(collated, num_targets)
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            raise InputError(
                "out of memory, and with machine.shard_weights no process can try again alone: "
                f"expected train.batch_seconds to fit, got {self.params.batch_seconds}"
            ) from error

    def _backward(self, batches: Iterable[tuple[Batch, float]], num_targets: int) -> float:
        """Add each batch's gradients, by its weight, to those that are there; returns the loss."""
        total = 0.0
        for batch, weight in batches:
            loss = weight * self.loss(batch) / num_targets
            self.accelerator.backward(loss)
            total += loss.item()
        return total

    def _clip(self) -> float:
        """Scale gradients that are too long down; returns how long they were."""
        weights, longest = list(self.weights.values()), self.params.max_grad_norm
        if not self.task.in_parts:
            return float(self.accelerator.clip_grad_norm_(weights, longest))
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        length = norm(gradients)
        # As PyTorch's own clipping does, which takes no mixture of parts and wholes.
        scale = (longest / (length + 1e-6)).clamp(max=1.0)
        torch._foreach_mul_([own(gradient) for gradient in gradients], scale)
        return float(length)


def trainable(network: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that learn, by name."""
    return {name: w for name, w in network.named_parameters() if w.requires_grad}


def _groups(
    weights: dict[str, nn.Parameter], weight_decay: float, rate_factors: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Weights by decay and learning rate.

    Weight decay is for matrices; on gains and biases it only pulls towards zero.
    """
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for name, weight in weights.items():
        decay = weight_decay if weight.ndim > 1 else 0.0
        longest = max((p for p in rate_factors if name.startswith(p)), key=len, default=None)
        factor = 1.0 if longest is None else rate_factors[longest]
        # AdamW takes no mixture of parts and wholes.
        groups.setdefault((decay, factor, isinstance(weight, DTensor)), []).append(weight)
    return [
        {"params": some, "weight_decay": decay, "rate_factor": factor}
        for (decay, factor, _), some in groups.items()
    ]


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _num_weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())
