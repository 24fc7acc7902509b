"""Layers in parts: each process keeps its share of their weights, gradients and moments (FSDP).

PyTorch's ``fully_shard`` brings a layer together for the time it computes, and hands each process
its part of the summed gradient. It is used on the layers of encoder and decoder, which hold nine
tenths of a large model; what lies outside of them, such as the embedding, every process has whole,
as all have without sharding.

Bringing together takes all processes at once. So they compute equally many batches
(``Processes.equal_share``), read dev with all layers in memory (``whole_layers``), and can't try a
batch again by themselves where memory runs out.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from asr.training.distributed.processes import Processes


def shard(network: nn.Module, layers: Sequence[nn.Module], processes: Processes) -> None:
    """Leave each process its part of the layers' weights.

    Args:
        network: what is called to compute, and holds the layers; from its call to the end of the
            backward pass PyTorch brings layers together ahead of their turn.
        layers: called as modules, each in turn; the same weights in all processes.
        processes: those that share them.
    """
    mesh = init_device_mesh(processes.device.type, (processes.count,))
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    outside = {weight for weight in network.parameters() if not isinstance(weight, DTensor)}
    fully_shard(network, mesh=mesh, ignored_params=outside)
    for module in [network, *layers]:
        # The loss is divided by the targets of all processes: gradients add up, as elsewhere.
        cast(FSDPModule, module).set_gradient_divide_factor(1.0)
        cast(FSDPModule, module).set_force_sum_reduction_for_comms(True)


def own(tensor: torch.Tensor) -> torch.Tensor:
    """What of a tensor this process has; the same memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor; if it is in parts, every process must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(weight: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """A whole tensor as the weight is: in parts, of which this process keeps its own, or whole."""
    tensor = tensor.to(weight.device)
    if isinstance(weight, DTensor) and tensor.shape == weight.shape:
        # All processes read the same file: nothing needs to be sent.
        return distribute_tensor(tensor, weight.device_mesh, weight.placements, src_data_rank=None)
    return tensor


def held_share(network: nn.Module) -> float:
    """Of all weights, what this process has."""
    weights = list(network.parameters())
    return sum(own(weight).numel() for weight in weights) / sum(w.numel() for w in weights)


def norm(gradients: Iterable[torch.Tensor]) -> torch.Tensor:
    """Of all gradients as one vector; if any is in parts, every process must ask."""
    kinds: dict[bool, list[torch.Tensor]] = {}
    for gradient in gradients:
        kinds.setdefault(isinstance(gradient, DTensor), []).append(gradient)
    norms = [whole(nn.utils.get_total_norm(some)) for some in kinds.values()]
    return nn.utils.get_total_norm(norms)


@contextmanager
def whole_layers(layers: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, every process has the layers whole and may compute with them by itself."""
    sharded = [layer for layer in layers if isinstance(layer, FSDPModule)]
    for layer in sharded:
        layer.set_reshard_after_forward(False)
        layer.unshard()
    yield
    for layer in sharded:
        layer.reshard()
        layer.set_reshard_after_forward(True)


def join(network: nn.Module) -> None:
    """Give every process the whole network, with plain weights; every process must call it."""
    for module in network.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if isinstance(weight, DTensor):
                setattr(module, name, nn.Parameter(whole(weight), weight.requires_grad))
