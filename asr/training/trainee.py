"""What is trained, on what: all that the loop knows of a family and its data."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from asr.families.protocols import Batch
from asr.features.batching import LongContext, Seconds
from asr.training.augmentation.examples import TokenRoom
from asr.training.dev import DevError
from asr.training.plan import TrainingBatch


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
        seconds: that the model computes for a clip.
        read_dev: transcribes dev with the network as it is and returns the error.
        long_context: which batches are computed with more than their clips.
        rate_factors: by prefix of a weight's name, the factor of ``train.lr``.
        in_parts: layers of the network of which each process keeps a part
            (``asr/training/distributed/sharding.py``).
    """

    network: nn.Module
    summed_loss: nn.Module
    collate: Callable[[TrainingBatch], Batch]
    durations_s: Sequence[float]
    groups: Sequence[Hashable]
    room: TokenRoom
    seconds: Seconds
    read_dev: Callable[[], DevError]
    long_context: LongContext | None = None
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    in_parts: Sequence[nn.Module] = ()
