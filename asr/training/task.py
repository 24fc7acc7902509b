"""What the training loop needs from a family and its data."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from asr.families.protocols import Batch, Trainee
from asr.features.batching import LongContext, Seconds
from asr.training.augmentation.examples import TokenLimit
from asr.training.dev import DevError
from asr.training.distributed.sharding import layers_to_shard
from asr.training.plan import TrainingBatch
from asr.utterances.utterance import Utterance


@dataclass
class Task:
    """A model to train, with its data and its evaluation.

    Attributes:
        network: holds the weights; those with ``requires_grad`` are trained.
        summed_loss: maps a family's batch to the loss summed over its target tokens.
        collate: builds that batch from examples of the training set; threads call it at once.
        durations_s: durations of the training clips, in seconds.
        groups: group of each clip; only clips of one group are joined into an example.
        token_limit: tokens of the clips, and most tokens of an example.
        seconds: maps the duration of a clip to the seconds that the model computes for it.
        evaluate_dev: transcribes dev with the current weights and returns the error.
        long_context: which batches get a longer context than their clips need.
        weight_groups: prefixes of the names of weights, by name of the group that they form.
        rate_factors: factor on ``train.lr`` by group.
        sharded_layers: layers whose weights are sharded over processes
            (``asr/training/distributed/sharding.py``).
        num_replay: how many of the clips, the last ones, are of replay corpora.
        loader_threads: ``operations.loader_threads``.
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
    weight_groups: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"all": ("",)})
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    sharded_layers: Sequence[nn.Module] = ()
    num_replay: int = 0
    loader_threads: int = 0


def task_of(
    trainee: Trainee,
    utterances: Sequence[Utterance],
    max_duration_s: float,
    collate: Callable[[TrainingBatch], Batch],
    evaluate_dev: Callable[[], DevError],
    *,
    num_labels: Sequence[int],
    num_replay: int,
    shard_weights: bool,
    loader_threads: int = 0,
) -> Task:
    """Describe the training of a family's model on some clips.

    Args:
        trainee: the model.
        utterances: the training clips, with their texts as the model is to write them.
        max_duration_s: the family's longest clip, and so the longest example.
        collate: see ``Task``.
        evaluate_dev: see ``Task``.
        num_labels: tokens of each clip's transcript, which ``check_labels`` has counted.
        num_replay: see ``Task``.
        shard_weights: ``machine.shard_weights``.
        loader_threads: see ``Task``.

    Raises:
        InputError: if weights are to be sharded and the family can't be.
    """
    return Task(
        network=trainee.network,
        summed_loss=trainee.summed_loss,
        collate=collate,
        durations_s=[utterance.duration_s for utterance in utterances],
        groups=[(utterance.corpus, utterance.language) for utterance in utterances],
        token_limit=TokenLimit(num_labels, trainee.max_labels, max_duration_s),
        seconds=trainee.seconds,
        evaluate_dev=evaluate_dev,
        long_context=trainee.long_context,
        weight_groups=trainee.weight_groups,
        rate_factors=trainee.rate_factors,
        sharded_layers=layers_to_shard(trainee) if shard_weights else (),
        num_replay=num_replay,
        loader_threads=loader_threads,
    )
