"""Sharded layers: each process holds a part of their weights, gradients and moments (FSDP).

PyTorch's ``fully_shard`` gathers a layer while it computes and gives each process its part of the
summed gradient. We shard the layers of encoder and decoder, nine tenths of a large model. Every
process holds all other weights in full, such as the embedding.

Gathering needs all processes at the same time. So they compute the same number of batches
(``Processes.equal_share``), decode dev with all layers gathered (``unsharded_layers``), and can't
retry a batch alone when memory runs out.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from asr.core.errors import InputError
from asr.families.protocols import HasLayers, Trainee
from asr.training.distributed.processes import Processes
from asr.training.params import TrainParams


def check_shardable(params: TrainParams) -> None:
    """Refuse what sharded weights can't do.

    Raises:
        InputError: with fp16, or more than one phase.
    """
    if params.precision == "fp16":
        raise InputError("machine.shard_weights: expected train.precision fp32 or bf16, got fp16")
    if len(params.phases) > 1:
        # PyTorch's fully_shard reads requires_grad once, before the first step.
        raise InputError(
            "machine.shard_weights: expected false with more than one of train.phases, got true"
        )


def layers_to_shard(trainee: Trainee) -> Sequence[nn.Module]:
    """The layers of a model, with ``machine.shard_weights``.

    Raises:
        InputError: if the model's family names none.
    """
    if not isinstance(trainee, HasLayers):
        raise InputError("machine.shard_weights: expected false, this family can't be sharded")
    return trainee.layers


def shard(network: nn.Module, layers: Sequence[nn.Module], processes: Processes) -> None:
    """Shard the weights of layers over the processes.

    Args:
        network: the module that the loss calls and that holds the layers; during its forward and
            backward pass PyTorch gathers the next layers in advance.
        layers: modules, called one after another; with the same weights in all processes.
        processes: the processes of the run.
    """
    mesh = init_device_mesh(processes.device.type, (processes.count,))
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    outside = {weight for weight in network.parameters() if not isinstance(weight, DTensor)}
    fully_shard(network, mesh=mesh, ignored_params=outside)
    for module in [network, *layers]:
        # The loss is already divided by the targets of all processes, so gradients are summed.
        cast(FSDPModule, module).set_gradient_divide_factor(1.0)
        cast(FSDPModule, module).set_force_sum_reduction_for_comms(True)


def local_part(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part of a tensor, as a view."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def full_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """The full tensor; every process must call this if it is sharded."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(weight: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """Move a full tensor to the weight's device, sharded if the weight is."""
    tensor = tensor.to(weight.device)
    if isinstance(weight, DTensor) and tensor.shape == weight.shape:
        # All processes have read the same file, so no data needs to be sent.
        return distribute_tensor(tensor, weight.device_mesh, weight.placements, src_data_rank=None)
    return tensor


def local_share(network: nn.Module) -> float:
    """Share of all weights that this process holds, 0 to 1."""
    weights = list(network.parameters())
    return sum(local_part(weight).numel() for weight in weights) / sum(w.numel() for w in weights)


def total_norm(gradients: Iterable[torch.Tensor]) -> torch.Tensor:
    """Norm of all gradients as one vector; every process must call this if any is sharded."""
    kinds: dict[bool, list[torch.Tensor]] = {}
    for gradient in gradients:
        kinds.setdefault(isinstance(gradient, DTensor), []).append(gradient)
    norms = [full_tensor(nn.utils.get_total_norm(some)) for some in kinds.values()]
    return nn.utils.get_total_norm(norms)


@contextmanager
def unsharded_layers(layers: Iterable[nn.Module]) -> Iterator[None]:
    """Inside the block, every process holds the full layers and can compute alone."""
    sharded = [layer for layer in layers if isinstance(layer, FSDPModule)]
    for layer in sharded:
        layer.set_reshard_after_forward(False)
        layer.unshard()
    yield
    for layer in sharded:
        layer.reshard()
        layer.set_reshard_after_forward(True)


def unshard(network: nn.Module) -> None:
    """Replace sharded weights by full ones in every process; every process must call this."""
    for module in network.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if isinstance(weight, DTensor):
                setattr(module, name, nn.Parameter(full_tensor(weight), weight.requires_grad))
