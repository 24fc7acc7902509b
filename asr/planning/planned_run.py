"""All batches of a run as training itself plans them, and what they cost together."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from asr.devices.params import MachineParams
from asr.families.protocols import Batch, CachesEncoder, family_module
from asr.planning.clips import PlannedClips
from asr.planning.sized_model import CPU, SizedModel, SizedTrainee, open_sized
from asr.planning.step_cost import BatchCost, BatchShape, CostFormula, apart, count
from asr.training.augmentation.examples import TokenLimit, example_utterance, previous_texts
from asr.training.distributed.processes import Processes
from asr.training.groups import groups_of, is_in
from asr.training.params import TrainParams
from asr.training.phases import Phases
from asr.training.plan import TrainingBatch, plan_steps
from asr.training.target_text import target_texts
from asr.training.update import trainable
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE

FLOAT = 4  # bytes
MOST_EXAMPLES = 50_000  # to plan; a longer run repeats them
# Numbers that AdamW, clipping and the average read and write for a weight in a step.
MOVED_BY_UPDATE = 16


@dataclass(frozen=True)
class Configuration:
    """What decides a run.

    Attributes:
        family: ``model.family``.
        name: ``model.name``.
        train: section ``train``.
        own: section ``<family>.train``.
        seed: of training.
        machine: section ``machine``.
    """

    family: str
    name: str
    train: TrainParams
    own: Any
    seed: int
    machine: MachineParams


class PlannedRun:
    """A run of a configuration on clips."""

    def __init__(self, config: Configuration, model: SizedModel, clips: PlannedClips) -> None:
        """Open the model and plan all steps.

        Raises:
            InputError: if the model can't be opened, or a phase never starts.
        """
        self.config, self.clips = config, clips
        train = target_texts(clips.train, config.train.text)
        self.utterances: Sequence[Utterance] = train
        self.sized: SizedTrainee = open_sized(model, config.family, config.train, config.own, train)
        trainee = self.sized.trainee
        self._freeze_rest()
        self._labels = [trainee.num_labels(one.text, one.language) for one in train]
        self.steps, self.repeats = self._planned()
        self.num_steps = round(len(self.steps) * self.repeats)
        if config.train.max_steps:
            self.num_steps = min(self.num_steps, config.train.max_steps)

    def _freeze_rest(self) -> None:
        """As training does where phases name only some groups."""
        names = [name for phase in self.config.train.phases for name in phase.groups]
        if names:
            weights = trainable(self.sized.trainee.network)
            for weight, group in groups_of(weights, self.sized.trainee.weight_groups).items():
                weights[weight].requires_grad_(any(is_in(group, name) for name in names))

    def _planned(self) -> tuple[list[list[TrainingBatch]], float]:
        """Batches of each step, and how often the run repeats them."""
        params, trainee = self.config.train, self.sized.trainee
        durations_s = [one.duration_s for one in self.utterances]
        passes = max(params.num_epochs, math.ceil(params.min_hours * 3600 / self.clips.seconds))
        few = min(passes, math.ceil(MOST_EXAMPLES / len(durations_s)))
        whole = passes == few and self.clips.share == 1
        once = {"min_hours": 0.0, "num_epochs": few, "max_steps": params.max_steps if whole else 0}
        longest_s = family_module(self.config.family, "window").MAX_DURATION_S
        steps = plan_steps(
            durations_s, [(one.corpus, one.language) for one in self.utterances],
            TokenLimit(self._labels, trainee.max_labels, longest_s), trainee.seconds,
            trainee.long_context, params.model_copy(update=once), self.config.seed,
            self.clips.num_replay,
        )  # fmt: skip
        self.num_passes, self._epochs = passes, [epoch for epoch, _ in steps]
        return [batches for _, batches in steps], self.clips.share * passes / few

    @cached_property
    def shapes(self) -> list[list[BatchShape]]:
        """The sizes of the batches of each planned step."""
        return [[self._shape(batch) for batch in batches] for batches in self.steps]

    def _shape(self, batch: TrainingBatch) -> BatchShape:
        tokens = [
            sum(self._labels[piece.index] for piece in example.pieces) for example in batch.examples
        ]
        return BatchShape(len(tokens), batch.context_s, max(tokens), sum(tokens) + len(tokens))

    @cached_property
    def shares(self) -> list[list[TrainingBatch]]:
        """What each process computes of each planned step."""
        return shares_of(self.steps, self.config.machine)

    @cached_property
    def accumulates(self) -> bool:
        """Whether a process computes several batches in a step."""
        return any(len(share) > 1 for share in self.shares)

    def built(self, batch: TrainingBatch) -> Batch:
        """The family's batch, of noise in place of the clips."""
        trainee = self.sized.trainee
        previous = previous_texts(self.utterances)
        them = [example_utterance(one, self.utterances, previous) for one in batch.examples]
        seeds = [one.seed for one in batch.examples]
        if isinstance(trainee, CachesEncoder) and trainee.cache_encoder:
            outputs = [
                np.zeros((trainee.num_positions(trainee.seconds(one.duration_s)),
                          trainee.encoder_width), np.float16)
                for one in them
            ]  # fmt: skip
            return trainee.cached_batch(outputs, them, seeds)
        rng = np.random.default_rng(1)
        waveforms = [
            rng.normal(0, 0.1, int(one.duration_s * SAMPLE_RATE)).astype(np.float32)
            for one in batch.examples
        ]
        return trainee.batch(waveforms, them, batch.context_s, seeds, zeros=batch.zeros)

    def counted(self, batch: TrainingBatch) -> BatchCost:
        """The cost of one batch with the weights that learn now."""
        precision = self.config.train.precision
        return count(self.sized, self.built(batch), precision, accumulated=self.accumulates)

    def formula(self) -> CostFormula:
        """The cost of any batch, from those that differ most."""
        batches = [batch for step in self.steps for batch in step]
        shapes = [shape for step in self.shapes for shape in step]
        chosen = apart(shapes)
        return CostFormula([shapes[i] for i in chosen], [self.counted(batches[i]) for i in chosen])

    def largest(self, formula: CostFormula) -> TrainingBatch:
        """The batch that takes most memory, of those that a process computes."""
        batches = [batch for share in self.shares for batch in share]
        return max(batches, key=lambda batch: formula(self._shape(batch)).peak_bytes)

    def cost(self) -> "RunCost":
        """What all steps cost; each phase has a formula of its own."""
        learning = self._phases()
        total, updated = np.zeros(3), 0.0
        found: list[tuple[float, TrainingBatch, CostFormula]] = []
        weights = trainable(self.sized.trainee.network)
        groups = groups_of(weights, self.sized.trainee.weight_groups)
        for names, steps in learning.items():
            for name, weight in weights.items():
                weight.requires_grad_(groups[name] in names)
            formula = self.formula()
            for step, times in steps.items():
                part = formula.total(self.shapes[step])
                total += times * np.array([part.flops, part.bytes_moved, part.num_operations])
            largest = self.largest(formula)
            found.append((self.counted(largest).peak_bytes, largest, formula))
            learned = sum(w.numel() for n, w in weights.items() if groups[n] in names)
            updated += sum(steps.values()) * learned * FLOAT * MOVED_BY_UPDATE
        for weight in weights.values():
            weight.requires_grad_(True)
        peak, largest, formula = max(found, key=lambda one: one[0])
        work = BatchCost(total[0], total[1] + updated, total[2], peak)
        return RunCost(work, largest, formula, self.weight_bytes)

    def _phases(self) -> dict[frozenset[str], Counter[int]]:
        """How often each planned step comes, by the groups that learn then."""
        trainee, params = self.sized.trainee, self.config.train
        groups = groups_of(trainable(trainee.network), trainee.weight_groups)
        epochs = self._epochs[: self.num_steps]
        if self.repeats > 1:
            together = len(self.steps) * self.repeats
            epochs = [int(step / together * self.num_passes) for step in range(self.num_steps)]
        phases = Phases(params, epochs, groups.values(), trainee.rate_factors)
        found: dict[frozenset[str], Counter[int]] = {}
        for step in range(self.num_steps):
            names = frozenset(phases.rates(step))
            planned = step if self.repeats == 1 else step % len(self.steps)
            found.setdefault(names, Counter())[planned] += 1
        return found

    @cached_property
    def weight_bytes(self) -> "WeightBytes":
        """Bytes of the weights, in float32."""
        network = self.sized.trainee.network
        whole = [*network.parameters(), *network.buffers()]
        learned = {id(w) for w in trainable(network).values()}
        layers = getattr(self.sized.trainee, "layers", [])
        in_layers = [sum(w.nbytes for w in layer.parameters()) for layer in layers]
        learned_in_layers = sum(
            w.nbytes for layer in layers for w in layer.parameters() if id(w) in learned
        )
        return WeightBytes(
            sum(w.nbytes for w in whole),
            sum(w.nbytes for w in trainable(network).values()),
            sum(in_layers),
            learned_in_layers,
            max(in_layers, default=0),
        )


def shares_of(
    steps: Sequence[Sequence[TrainingBatch]], machine: MachineParams
) -> list[list[TrainingBatch]]:
    """What each process computes of each step, as training divides it.

    Args:
        steps: the batches of each.
        machine: has the number of processes, and whether they share the weights.
    """
    found = []
    for rank in range(machine.num_processes):
        process = Processes(rank, machine.num_processes, CPU)
        for batches in steps:
            if machine.shard_weights:
                found.append([batch for batch, _ in process.equal_share(batches)])
            else:
                found.append(process.share(batches))
    return found


@dataclass(frozen=True)
class WeightBytes:
    """Bytes of a model's weights.

    Attributes:
        whole: of all weights and buffers.
        learned: of those that learn.
        in_layers: of those in layers, which ``machine.shard_weights`` divides among processes.
        learned_in_layers: of those of them that learn.
        largest_layer: of the largest layer.
    """

    whole: int
    learned: int
    in_layers: int
    learned_in_layers: int
    largest_layer: int


@dataclass(frozen=True)
class RunCost:
    """What a run costs.

    Attributes:
        work: of all steps, by all processes together; ``peak_bytes`` is that of the batch of a
            process that takes most.
        largest: that batch.
        formula: of batches as that one.
        weights: bytes of the model.
    """

    work: BatchCost
    largest: TrainingBatch
    formula: CostFormula
    weights: WeightBytes
