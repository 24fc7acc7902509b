"""One update of the weights: gradients in parts that fit the memory, shared among processes."""

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import nn

from asr.curves import Row
from asr.memory import BatchLimit, fitting
from asr.processes import Processes
from asr.schemas.train import Params as TrainParams
from asr.steps import TrainingBatch
from asr.task import Task

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
        self.weights = {n: p for n, p in task.network.named_parameters() if p.requires_grad}
        # An adapter begins with random numbers.
        processes.same_as_first([weight.data for weight in self.weights.values()])
        self.accelerator = Accelerator(
            mixed_precision=MIXED_PRECISION[params.precision], cpu=processes.device.type == "cpu"
        )
        groups = _groups(self.weights, params.weight_decay)
        adamw = torch.optim.AdamW(groups, lr=params.lr, betas=params.betas, fused=True)
        self.optimizer = self.accelerator.prepare_optimizer(adamw)
        # Mixed precision without DistributedDataParallel, which exchanges gradients within each
        # backward pass: processes with unlike numbers of batches would wait for ever.
        self.loss = self.accelerator.prepare_model(task.summed_loss, evaluation_mode=True)
        self.limit = BatchLimit(
            batch_limits,
            f"{_device_name(processes.device)}, {_num_weights(task.network):,} weights",
        )

    def step(self, batches: list[TrainingBatch], rate: float) -> Row:
        """One update; every target token of all batches of all processes weighs the same."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self._gradients(self.processes.share(batches))
        weights = list(self.weights.values())
        self.processes.add_gradients(weights)
        self.limit.most_s = self.processes.least(self.limit.most_s)
        norm = self.accelerator.clip_grad_norm_(weights, self.params.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {
            "loss": self.processes.totals(loss)[0],
            "grad_norm": float(norm),
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
                total = 0.0
                for part in collated:
                    loss = self.loss(part) / num_targets
                    self.accelerator.backward(loss)
                    total += loss.item()
                return total
            except RuntimeError as error:
                if not should_reduce_batch_size(error):
                    raise
            # Past the handler, whose traceback holds the tensors that filled the memory.
            self.optimizer.zero_grad()
            clear_device_cache(garbage_collection=True)
            self.limit.lower(parts)


def _groups(weights: dict[str, nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay is for matrices; on gains and biases it only pulls towards zero."""
    matrices = [weight for weight in weights.values() if weight.ndim > 1]
    vectors = [weight for weight in weights.values() if weight.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _num_weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())
