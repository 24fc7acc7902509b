"""Memory of a training process, and which changes of params make a run fit a smaller device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asr.core.errors import InputError
from asr.devices.params import MachineParams
from asr.families.protocols import family_module
from asr.planning.devices import MemoryParams
from asr.planning.planned_run import Configuration, PlannedRun, RunCost, WeightBytes
from asr.planning.sized_model import SizedModel
from asr.planning.step_cost import BatchCost
from asr.training.distributed.sharding import check_shardable
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch

SIZES_GB = (8, 24, 80)
PROCESSES = (2, 4, 8)


def memory_parts(
    weights: WeightBytes,
    peak_bytes: float,
    params: MemoryParams,
    machine: MachineParams,
    *,
    accumulates: bool,
) -> dict[str, float]:
    """Bytes on a GPU of one process at the fullest moment of training.

    Args:
        weights: of the model.
        peak_bytes: of the batch that takes most, of those that a process computes.
        params: section ``memory`` of ``conf/devices.yaml``.
        machine: has the number of processes, and whether they share the layers.
        accumulates: whether gradients of earlier batches are there, beside ``peak_bytes``.
    """
    num_shards = machine.num_processes if machine.shard_weights else 1
    rest, learned_rest = (
        weights.whole - weights.in_layers,
        weights.learned - weights.learned_in_layers,
    )
    learned = learned_rest + weights.learned_in_layers / num_shards
    # PyTorch gathers a layer while it computes another one.
    gathered = 2 * weights.largest_layer if num_shards > 1 else 0
    gradients = 0.0 if accumulates else learned
    moments = {
        "batch" if accumulates else "batch and gradients": peak_bytes,
        # Gradients are gone; there are all layers, and the weights beside their average.
        "transcribing dev": gradients + weights.in_layers * (num_shards > 1) - gathered,
    }
    if machine.num_processes > 1:
        # They are added up in a copy of them; FSDP adds up those of sharded layers.
        moments["sum of gradients"] = gradients + (learned_rest if num_shards > 1 else learned)
    fullest = max(moments, key=lambda name: moments[name])
    return {
        "weights": rest + weights.in_layers / num_shards + gathered,
        "gradients": learned if accumulates else 0.0,
        "moments and average": 3 * learned,
        fullest: moments[fullest],
        "allocator": params.allocator_share * moments[fullest],
        "CUDA": params.context_gb * 1e9,
    }


@dataclass(frozen=True)
class Variant:
    """Changes of params, and what they lead to.

    Attributes:
        changes: values by key of params.yaml; empty for the configuration itself.
        gb: on each GPU, 10^9 bytes.
        work: FLOPs for a second of audio, over those of the configuration itself.
        num_processes: GPUs.
    """

    changes: Mapping[str, Any]
    gb: float
    work: float
    num_processes: int


def variants(
    run: PlannedRun, cost: RunCost, model: SizedModel, params: MemoryParams
) -> list[Variant]:
    """What a configuration and changes of it take, the cheapest change first.

    Single changes and sharding are always counted. Combinations are counted until one fits the
    smallest of ``SIZES_GB``.

    Args:
        run: of the configuration itself.
        cost: its cost.
        model: its model.
        params: section ``memory`` of ``conf/devices.yaml``.
    """
    counted = run.counted(cost.largest)
    itself = _variant({}, run, cost.weights, cost.work.peak_bytes, params, 1.0)
    per_second = _per_second(counted, cost.largest)
    found = [itself]
    sharded = shardings(run.config.machine) if cost.weights.in_layers else []
    for values in [*changes(run.config.train), *sharded]:
        single = len({_kind(key) for key in values}) == 1
        if not single and min(one.gb for one in found) <= min(SIZES_GB):
            continue
        if (config := changed(run.config, values)) is None:
            continue
        other = PlannedRun(_one_epoch(config), model, run.clips)
        largest = other.largest(cost.formula)
        own = other.counted(largest)
        # Processes divide the same work among them.
        work = 1.0 if values in sharded else _per_second(own, largest) / per_second
        found.append(_variant(values, other, other.weight_bytes, own.peak_bytes, params, work))
    return found


def cheapest_by_size(found: Sequence[Variant]) -> dict[int, Variant | None]:
    """The first variant that fits each of ``SIZES_GB``; None if none does."""
    return {size: next((one for one in found if one.gb <= size), None) for size in SIZES_GB}


def changes(train: TrainParams) -> list[dict[str, Any]]:
    """Changes that save memory and are not made yet, the cheapest combination first.

    bf16 also saves time. Smaller batches compute the same step in more pieces. Checkpointing
    computes a third more. An adapter is another way of training.
    """
    kinds = [
        (4.0, _adapter(train)),
        (1.5, [] if train.gradient_checkpointing else [{"train.gradient_checkpointing": True}]),
        (0.5, [_smaller(train, 2), _smaller(train, 4)]),
        (0.1, [{"train.precision": "bf16"}] if train.precision == "fp32" else []),
    ]
    combined: list[tuple[float, dict[str, Any]]] = [(0.0, {})]
    for price, options in kinds:
        combined += [
            (before + price * (1 + number / 2), {**values, **option})
            for before, values in combined
            for number, option in enumerate(options)
        ]
    return [values for _, values in sorted(combined, key=lambda pair: pair[0])[1:]]


def shardings(machine: MachineParams) -> list[dict[str, Any]]:
    """Changes that shard the weights, or over more processes, but never over fewer than now."""
    least = max(2, machine.num_processes + machine.shard_weights)
    return [
        {"machine.num_processes": count, "machine.shard_weights": True}
        for count in sorted({*PROCESSES, machine.num_processes})
        if count >= least
    ]


def _adapter(train: TrainParams) -> list[dict[str, Any]]:
    if train.tune == "lora":
        return []
    return [{"train.tune": "lora"} | ({"train.phases": []} if train.phases else {})]


def _smaller(train: TrainParams, parts: int) -> dict[str, Any]:
    values: dict[str, Any] = {"train.batch_seconds": train.batch_seconds / parts}
    if not train.step_clips:
        values["train.accumulation"] = train.accumulation * parts
    return values


def _kind(key: str) -> str:
    """Keys that only change together."""
    alike = {
        "train.accumulation": "train.batch_seconds",
        "train.phases": "train.tune",
        "machine.num_processes": "machine.shard_weights",
    }
    return alike.get(key, key)


def changed(config: Configuration, values: Mapping[str, Any]) -> Configuration | None:
    """A configuration with other values of ``train`` and ``machine``; None if training refuses."""
    updates: dict[str, dict[str, Any]] = {"train": {}, "machine": {}}
    for key, value in values.items():
        section, _, name = key.partition(".")
        updates[section][name] = value
    train = config.train.model_copy(update=updates["train"])
    machine = config.machine.model_copy(update=updates["machine"])
    if family_module(config.family, "training").faults(train, config.own):
        return None
    if machine.shard_weights:
        try:
            check_shardable(train)
        except InputError:
            return None
    return replace(config, train=train, machine=machine)


def _one_epoch(config: Configuration) -> Configuration:
    few: dict[str, Any] = {"num_epochs": 1, "min_hours": 0.0, "phases": [], "max_steps": 0}
    phases = config.train.phases
    # What learns in no phase needs no memory.
    if phases:
        groups = sorted({group for phase in phases for group in phase.groups})
        few["phases"] = [phases[0].model_copy(update={"groups": groups, "lr": {}})]
    return replace(config, train=config.train.model_copy(update=few))


def _per_second(cost: BatchCost, batch: TrainingBatch) -> float:
    return cost.flops / (batch.context_s * len(batch.examples))


def _variant(
    values: Mapping[str, Any],
    run: PlannedRun,
    weights: WeightBytes,
    peak_bytes: float,
    params: MemoryParams,
    work: float,
) -> Variant:
    machine = run.config.machine
    parts = memory_parts(weights, peak_bytes, params, machine, accumulates=run.accumulates)
    return Variant(values, sum(parts.values()) / 1e9, work, machine.num_processes)
