"""Count the bytes of all tensors alive, at each operation of a step."""

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside the block, counts the bytes of tensors; several views of a storage count once.

    Attributes:
        live: bytes alive now, of the tensors that were added or made since.
        most: the most of them since the start or the last ``restart``.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.most = 0
        self._seen: Any = WeakIdKeyDictionary()

    def add(self, tensor: torch.Tensor) -> None:
        """Count a tensor that was made before."""
        storage = tensor.untyped_storage()
        if storage not in self._seen:
            self._seen[storage] = True
            self.live += storage.nbytes()
            weakref.finalize(storage, self._freed, storage.nbytes())
            self.most = max(self.most, self.live)

    def _freed(self, num_bytes: int) -> None:
        self.live -= num_bytes

    def restart(self) -> None:
        """Forget the maximum so far."""
        self.most = self.live

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and count what it made."""
        made = operation(*args, **(kwargs or {}))
        for one in tree_leaves(made):
            if isinstance(one, torch.Tensor):
                self.add(one)
        return made
