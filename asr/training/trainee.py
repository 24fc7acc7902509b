"""What is trained, on what: all that the loop knows of a family and its data."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from asr.training.augmentation.examples import TokenRoom
from asr.training.dev import DevError
from asr.training.plan import TrainingBatch


class Targets(Protocol):
    """A family's batch for its loss."""

    @property
    def num_targets(self) -> int:
        """Tokens that the loss is summed over."""


@dataclass
class Task:
    """What is trained, on what.

    Attributes:
        network: holds the weights; those that require a gradient learn.
        summed_loss: maps a family's batch to the loss summed over its target tokens.
        collate: builds that batch from examples of the training set.
        durations_s: of the training clips.
        groups: of each clip; only clips of one group are joined into an example.
        room: how much text the clips have, and how much an example may have.
        read_dev: transcribes dev with the network as it is and returns the error.
        in_parts: layers of the network of which each process keeps a part
            (``asr/training/distributed/sharding.py``).
    """

    network: nn.Module
    summed_loss: nn.Module
    collate: Callable[[TrainingBatch], Targets]
    durations_s: Sequence[float]
    groups: Sequence[Hashable]
    room: TokenRoom
    read_dev: Callable[[], DevError]
    in_parts: Sequence[nn.Module] = ()
