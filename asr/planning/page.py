"""The page ``PLANNING.md`` of a plan."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from asr.planning.devices import DevicesFile
from asr.planning.disk import REMOTE, remote_bytes
from asr.planning.estimate import THIS_CPU, DeviceRow, Plan
from asr.planning.memory import SIZES_GB, Variant, cheapest_by_size

SHARDED = (
    "With `machine.shard_weights` the batch is an upper bound: it has the whole gradients of all "
    "layers, of which each process keeps a part."
)


def page(plan: Plan, conf: DevicesFile, command: str) -> str:
    """The page in Markdown; ``command`` is the one that wrote it."""
    parts = [
        f"# Plan of `{command}`",
        "Computed, before any training. FLOPs and bytes are counted on the family's own code; "
        "hours of GPUs are **unmeasured**: they rest on `share_of_peak` in `conf/devices.yaml`.",
        "\n".join(_run(plan)),
        "## Hours and money",
        "\n".join(_devices(plan)),
        "\n".join(_prices(plan.rows)),
        "## GPU memory",
        "\n".join(_memory(plan)),
        "## What fits",
        "\n".join(_fits(plan.variants)),
        "\n".join(_variants(plan.variants)),
        SHARDED,
        "## Disk and remote storage",
        "\n".join(_disk(plan.disk)),
        _storage(plan.disk, conf),
    ]
    return "\n\n".join(parts) + "\n"


def _table(*rows: Sequence[str]) -> list[str]:
    header, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return [header, "|" + "---|" * len(rows[0]), *rest]


def _run(plan: Plan) -> Iterator[str]:
    run, cost = plan.run, plan.cost
    largest, config = cost.largest, run.config
    learned = cost.weights.learned / 4e6
    yield (
        f"- model: {config.family}.{config.name}, {cost.weights.whole / 4e6:,.1f} M weights, "
        f"{learned:,.1f} M of them learn"
    )
    yield f"- clips: {run.clips.source}: {run.clips.seconds / 3600:.2f} hours of training speech"
    yield f"- steps: {run.num_steps:,} in {run.num_passes} passes"
    yield (
        f"- work: {cost.work.flops / 1e12:,.1f} TFLOP, "
        f"{cost.work.bytes_moved / 1e12:,.2f} TB read and written by operations"
    )
    of_each = " of a process" if config.machine.num_processes > 1 else ""
    yield f"- largest batch{of_each}: {len(largest.examples)} clips of {largest.context_s:.2f} s"


def _devices(plan: Plan) -> list[str]:
    machine = plan.run.config.machine
    here = f"from rates measured here, `machine.num_threads` {machine.num_threads}"
    cells = [("device", "memory", "needed", "training, h", "dev, h", "USD", "hours are")]
    for row in plan.rows:
        fits = "" if row.needed_gb <= row.device.memory_gb else " (does not fit)"
        cells.append(
            (
                row.name,
                f"{row.device.memory_gb:.0f} GB",
                f"{row.needed_gb:.1f} GB{fits}",
                _hours(row.train_hours),
                _hours(row.dev_hours),
                "–" if row.usd is None else f"{row.usd:.2f}",
                here if row.name == THIS_CPU else "unmeasured",
            )
        )
    lines = _table(*cells)
    if (num := machine.num_processes) > 1:
        lines += [
            "",
            f"Hours and USD are those of {num} devices together, one for each process, without "
            f"what they exchange; memory is on each. This CPU runs all {num}.",
        ]
    return lines


def _hours(hours: float) -> str:
    return f"{hours:.3f}" if hours < 1 else f"{hours:,.1f}"


def _prices(rows: Sequence[DeviceRow]) -> Iterator[str]:
    yield "Prices an hour:"
    for row in rows:
        if price := row.device.price:
            yield f"- {row.name}: {price.usd_per_hour:g} USD, {price.date}, {price.source}"


def _memory(plan: Plan) -> list[str]:
    rows = [(name, f"{size / 1e9:.2f}") for name, size in plan.memory.items()]
    total = f"{sum(plan.memory.values()) / 1e9:.2f}"
    num = plan.run.config.machine.num_processes
    unit = f"GB on each of {num} GPUs" if num > 1 else "GB"
    return _table(("at the fullest moment", unit), *rows, ("together", total))


def _fits(variants: Sequence[Variant]) -> Iterator[str]:
    for size, found in cheapest_by_size(variants).items():
        if found is None:
            yield f"- **{size} GB**: none of these fits; a smaller model would"
        elif not found.changes:
            yield f"- **{size} GB**: fits as it is"
        else:
            yield f"- **{size} GB**: `{_options(found.changes)}`"


def _options(changes: Mapping[str, Any]) -> str:
    return " ".join(f"-S {key}={_value(value)}" for key, value in changes.items())


def _value(value: Any) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _variants(variants: Sequence[Variant]) -> list[str]:
    rows = []
    for one in variants:
        name = f"`{_options(one.changes)}`" if one.changes else "as it is"
        on_each = " on each GPU" if one.num_processes > 1 else ""
        fits = [str(size) for size in SIZES_GB if one.gb <= size]
        rows.append((name, f"{one.gb:.1f}{on_each}", f"{one.work:.2f}", ", ".join(fits) or "–"))
    return _table(("change", "GB", "FLOPs, times", "fits GB"), *rows)


def _disk(disk: Mapping[str, float]) -> list[str]:
    rows = [
        (name, f"{size / 1e9:.2f}", "yes" if name in REMOTE else "no")
        for name, size in disk.items()
    ]
    together = f"{sum(disk.values()) / 1e9:.2f}"
    return _table(("content", "GB", "pushed"), *rows, ("together", together, ""))


def _storage(disk: Mapping[str, float], conf: DevicesFile) -> str:
    pushed, storage = remote_bytes(disk) / 1e9, conf.storage
    return (
        f"DVC's cache holds what is pushed once more, unless it links. A remote with one version: "
        f"{pushed:.2f} GB, {pushed * storage.usd_per_gb_month:.2f} USD a month "
        f"({storage.usd_per_gb_month:g} USD a GB, {storage.date}, {storage.source})."
    )


def summary(plan: Plan) -> str:
    """The table of devices and what fits, for the console."""
    return "\n".join([*_run(plan), "", *_devices(plan), "", *_fits(plan.variants)])
