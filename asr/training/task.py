"""What the training loop needs from a family and its data."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from asr.families.protocols import Batch
from asr.features.batching import LongContext, Seconds
from asr.training.augmentation.examples import TokenLimit
from asr.training.dev import DevError
from asr.training.plan import TrainingBatch


@dataclass
class Task:
    """A model to train, with its data and its evaluation.

    Attributes:
        network: holds the weights; those with ``requires_grad`` are trained.
        summed_loss: maps a family's batch to the loss summed over its target tokens.
        collate: builds that batch from examples of the training set.
        durations_s: durations of the training clips, in seconds.
        groups: group of each clip; only clips of one group are joined into an example.
        token_limit: tokens of the clips, and most tokens of an example.
        seconds: maps the duration of a clip to the seconds that the model computes for it.
        evaluate_dev: transcribes dev with the current weights and returns the error.
        long_context: which batches get a longer context than their clips need.
        rate_factors: factor on ``train.lr`` by prefix of a weight's name.
        sharded_layers: layers whose weights are sharded over processes
            (``asr/training/distributed/sharding.py``).
    """

    network: nn.Module
    summed_loss: nn.Module
    collate: Callable[[TrainingBatch], Batch]
    durations_s: Sequence[float]
    groups: Sequence[Hashable]
    token_limit: TokenLimit
    seconds: Seconds
    evaluate_dev: Callable[[], DevError]
    long_context: LongContext | None = None
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    sharded_layers: Sequence[nn.Module] = ()
