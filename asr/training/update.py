"""One update of the weights, with batches split to fit memory and divided among processes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import nn
from torch.distributed.tensor import DTensor

from asr.core.errors import InputError
from asr.families.protocols import Batch
from asr.training.batch_limit import BatchLimit, split_to_fit
from asr.training.distributed.processes import Processes
from asr.training.distributed.sharding import local_part, shard, total_norm
from asr.training.finite import is_finite
from asr.training.groups import groups_of, is_in
from asr.training.loader import Loader
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch
from asr.training.state.log import CurveRow
from asr.training.task import Task

MIXED_PRECISION = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


class Updater:
    """Trainable weights and their optimizer.

    Attributes:
        weights: all weights that learn in some phase, by name.
        groups: the group of each.
        optimizer: AdamW, of all of them.
        loader: builds the batches.
    """

    def __init__(
        self, task: Task, params: TrainParams, processes: Processes, batch_limits: Path
    ) -> None:
        """Prepare the network of ``task``; the file ``batch_limits`` has one limit per device."""
        self.task, self.params, self.processes = task, params, processes
        self.loader = Loader(task.collate, task.loader_threads)
        if params.phases:
            _freeze_rest(task, [name for phase in params.phases for name in phase.groups])
        # A new adapter has random weights, which differ between processes.
        processes.broadcast_from_first([weight.data for weight in trainable(task.network).values()])
        if task.sharded_layers:
            shard(task.summed_loss, task.sharded_layers, processes)
        self.weights = trainable(task.network)
        self.accelerator = Accelerator(
            mixed_precision=MIXED_PRECISION[params.precision], cpu=processes.device.type == "cpu"
        )
        self.groups = groups_of(self.weights, task.weight_groups)
        parameters = parameter_groups(self.weights, params.weight_decay, self.groups)
        adamw = torch.optim.AdamW(parameters, lr=params.lr, betas=params.betas, fused=True)
        self.optimizer = self.accelerator.prepare_optimizer(adamw)
        # evaluation_mode gives mixed precision without DistributedDataParallel. DDP exchanges
        # gradients in each backward pass: with unequal numbers of batches processes would hang.
        self.loss = self.accelerator.prepare_model(task.summed_loss, evaluation_mode=True)
        if self.accelerator.scaler is not None:
            # Its scale exists from its first use on, and a process may have no clip in a step.
            self.accelerator.scaler.scale(torch.zeros((), device=processes.device))
        self.limit = BatchLimit(batch_limits, self._device())

    def _device(self) -> str:
        """The device, and what else decides how much fits into its memory."""
        device, params = self.processes.device, self.params
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        num, trained = map(_num_weights, (self.task.network.parameters(), self.weights.values()))
        how = ", gradient checkpointing" if params.gradient_checkpointing else ""
        return f"{name}, {num:,} weights, {trained:,} trained, {params.precision}{how}"

    def step(
        self,
        batches: list[TrainingBatch],
        rates: Mapping[str, float],
        upcoming: Sequence[TrainingBatch] = (),
    ) -> CurveRow:
        """Update the weights once; all target tokens of all processes have equal weight.

        If loss or gradient are not finite, weights and moments stay as they are.

        Args:
            batches: of the step.
            rates: learning rate by group; the weights of other groups get no gradient and stay.
            upcoming: batches of the next step, which the loader begins to build meanwhile.

        Returns:
            Loss per target token, gradient total_norm, and seconds of audio in ``batches``.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rates.get(group["name"], 0.0)
            for weight in group["params"]:
                weight.requires_grad_(group["name"] in rates)
        if self.task.sharded_layers:
            loss = self._sharded_gradients(
                self.processes.equal_share(batches), self.processes.equal_share(upcoming)
            )
        else:
            loss = self._gradients(self.processes.share(batches), self.processes.share(upcoming))
        whole = [weight for weight in self._learning() if not isinstance(weight, DTensor)]
        self.processes.add_gradients(whole)
        self.limit.max_s = self.processes.minimum(self.limit.max_s)
        grad_norm = self._clip()
        loss = self.processes.totals(loss)[0]
        # In fp16 the scaler skips such a step itself, and lowers its scale.
        if is_finite(loss, grad_norm) or self.accelerator.scaler is not None:
            self.optimizer.step()
        self.optimizer.zero_grad()
        return {
            "loss": loss,
            "grad_norm": grad_norm,
            "audio_s": sum(example.duration_s for b in batches for example in b.examples),
        }

    def _gradients(self, batches: list[TrainingBatch], upcoming: Sequence[TrainingBatch]) -> float:
        """Add up gradients, in batches that fit into memory; return this process's loss."""
        num_targets = 0
        while True:
            parts = split_to_fit(batches, self.limit.max_s)
            try:
                collated = self.loader.load(parts)
                self.loader.begin(split_to_fit(upcoming, self.limit.max_s))
                # Reduce once per step, however often memory runs out: the other processes do.
                if not num_targets:
                    here = sum(part.num_targets for part in collated)
                    num_targets = round(self.processes.totals(here)[0])
                return self._backward(((part, 1.0) for part in collated), num_targets)
            except RuntimeError as error:
                if not should_reduce_batch_size(error):
                    raise
            # Outside the handler: its traceback holds the tensors that filled the memory.
            self.optimizer.zero_grad()
            clear_device_cache(garbage_collection=True)
            self.limit.lower(parts)

    def _sharded_gradients(
        self,
        shares: list[tuple[TrainingBatch, float]],
        upcoming: list[tuple[TrainingBatch, float]],
    ) -> float:
        """``_gradients`` for sharded layers: all processes compute the same number of batches."""
        try:
            collated = self.loader.load([batch for batch, _ in shares])
            self.loader.begin([batch for batch, _ in upcoming])
            weighted = [(batch, w) for batch, (_, w) in zip(collated, shares, strict=True)]
            here = sum(weight * batch.num_targets for batch, weight in weighted)
            num_targets = round(self.processes.totals(here)[0])
            return self._backward(weighted, num_targets)
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            raise InputError(
                "out of memory, and with machine.shard_weights no process can halve a batch alone: "
                f"expected a smaller train.batch_seconds, got {self.params.batch_seconds}"
            ) from error

    def _backward(self, batches: Iterable[tuple[Batch, float]], num_targets: int) -> float:
        """Backpropagate each batch times its weight; return the loss summed over batches."""
        total = 0.0
        for batch, weight in batches:
            loss = weight * self.loss(batch) / num_targets
            self.accelerator.backward(loss)
            total += loss.item()
        return total

    def _learning(self) -> list[nn.Parameter]:
        return [weight for weight in self.weights.values() if weight.requires_grad]

    def _clip(self) -> float:
        """Clip the gradient total_norm to ``max_grad_norm``; return the total_norm before."""
        weights, max_norm = self._learning(), self.params.max_grad_norm
        if not self.task.sharded_layers:
            return float(self.accelerator.clip_grad_norm_(weights, max_norm))
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        length = total_norm(gradients)
        # As in PyTorch's clip_grad_norm_, which rejects a mix of sharded and plain tensors.
        scale = (max_norm / (length + 1e-6)).clamp(max=1.0)
        torch._foreach_mul_([local_part(gradient) for gradient in gradients], scale)
        return float(length)


def trainable(network: nn.Module) -> dict[str, nn.Parameter]:
    """Weights with ``requires_grad``, by name."""
    return {name: w for name, w in network.named_parameters() if w.requires_grad}


def _freeze_rest(task: Task, names: Sequence[str]) -> None:
    """Freeze the weights that learn in no phase, so that nothing is stored for them."""
    weights = trainable(task.network)
    for weight, group in groups_of(weights, task.weight_groups).items():
        weights[weight].requires_grad_(any(is_in(group, name) for name in names))


def parameter_groups(
    weights: Mapping[str, nn.Parameter], weight_decay: float, groups: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Parameter groups of AdamW by weight decay and group of weights.

    Weight decay applies to matrices only, not to gains and biases. Some of these have several
    dimensions: ``bias_u`` of Conformer's attention, and the gain of weight norm, ``original0``.
    """
    found: dict[tuple[float, str, bool], list[nn.Parameter]] = {}
    for name, weight in weights.items():
        own = name.rpartition(".")[2]
        is_matrix = weight.ndim > 1 and not own.startswith("bias") and own != "original0"
        decay = weight_decay if is_matrix else 0.0
        # AdamW rejects a mix of sharded and plain tensors in a group.
        found.setdefault((decay, groups[name], isinstance(weight, DTensor)), []).append(weight)
    return [
        {"params": some, "weight_decay": decay, "name": group}
        for (decay, group, _), some in found.items()
    ]


def _num_weights(weights: Iterable[nn.Parameter]) -> int:
    return sum(weight.numel() for weight in weights)
