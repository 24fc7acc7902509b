"""Run a model's real code on tensors that have shapes and no values, so that it takes no memory.

Weights and all that is computed from them are PyTorch's fake tensors. Clips, tokens and masks stay
real, since a family's code asks for their values: which positions have a target, how long a clip
is. So the operations are those of a real step, one by one.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ATEN = torch.ops.aten
# Their masks become positions: the number of positions is the result's shape.
MASKED = {
    ATEN.index.Tensor,
    ATEN.index_put.default,
    ATEN.index_put_.default,
    ATEN._index_put_impl_.default,
}
CTC = {ATEN._ctc_loss.default, ATEN._ctc_loss.Tensor}
CTC_BACKWARD = {ATEN._ctc_loss_backward.default, ATEN._ctc_loss_backward.Tensor}


class WithoutValues(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside the block, operations on fake tensors give fake tensors; all others are computed.

    Attributes:
        fake: makes fake tensors.
        num_operations: since the start.
        bytes_moved: read and written by them, views left out.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fake = FakeTensorMode(allow_non_fake_inputs=True)
        self.num_operations = self.bytes_moved = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, or find its result's shape."""
        kwargs = kwargs or {}
        read = tree_leaves((args, kwargs))
        if any(isinstance(one, FakeTensor) for one in read):
            made = self._shaped(operation, args, kwargs)
        else:
            made = operation(*args, **kwargs)
        if not operation.is_view:
            self.num_operations += 1
            self.bytes_moved += sum(map(_num_bytes, (*read, *tree_leaves(made))))
        return made

    def _shaped(self, operation: Any, args: Any, kwargs: Any) -> Any:
        if operation in MASKED:
            indices = [place for one in args[1] for place in _positions(one)]
            args = (args[0], indices, *args[2:])
        # Outside of the mode, where lengths keep their values: shapes depend on them.
        states = 2 * int(max(args[3])) + 1 if operation in CTC else 0
        with self.fake:
            if operation in CTC:
                num_frames, num_clips, _ = args[0].shape
                alphas = args[0].new_empty(num_clips, num_frames, states)
                return args[0].new_empty(num_clips), alphas
            if operation in CTC_BACKWARD:
                return torch.empty_like(args[1])
            return operation(*args, **kwargs)


def _positions(index: Any) -> Sequence[Any]:
    if isinstance(index, torch.Tensor) and index.dtype == torch.bool:
        return index.nonzero().unbind(1)
    return [index]


def _num_bytes(one: Any) -> int:
    return one.numel() * one.element_size() if isinstance(one, torch.Tensor) else 0


def remove_values(network: nn.Module, mode: WithoutValues) -> None:
    """Replace weights and buffers by fake tensors; those that modules share stay shared."""
    made: dict[int, Any] = {}
    for module in network.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                if id(weight) not in made:
                    fake = mode.fake.from_tensor(weight.data)
                    made[id(weight)] = (weight, nn.Parameter(fake, weight.requires_grad))
                module._parameters[name] = made[id(weight)][1]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                if id(buffer) not in made:
                    made[id(buffer)] = (buffer, mode.fake.from_tensor(buffer))
                module._buffers[name] = made[id(buffer)][1]


def add_layers(stack: nn.ModuleList, count: int, mode: WithoutValues) -> None:
    """Append copies of a stack's last layer, with fake weights of their own, up to ``count``."""
    last = stack[-1]
    for _ in range(count - len(stack)):
        own: dict[int, Any] = {}
        with mode.fake:
            for weight in last.parameters():
                own[id(weight)] = nn.Parameter(torch.empty_like(weight), weight.requires_grad)
            for buffer in last.buffers():
                own[id(buffer)] = torch.empty_like(buffer)
        stack.append(copy.deepcopy(last, own))


def stacks(network: nn.Module) -> Iterator[nn.ModuleList]:
    """The lists of transformer layers."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    for module in network.modules():
        if not (isinstance(module, nn.ModuleList) and len(module)):
            continue
        if all(isinstance(layer, GradientCheckpointingLayer) for layer in module):
            yield module
