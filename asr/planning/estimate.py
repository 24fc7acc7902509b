"""Everything that a configuration takes: steps, hours, memory, disk and money."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

from asr.planning.devices import Device, DevicesFile, measured_cpu
from asr.planning.memory import Variant
from asr.planning.planned_run import PlannedRun, RunCost
from asr.workers.workers import num_cores

THIS_CPU = "this CPU"


@dataclass(frozen=True)
class DeviceRow:
    """A run on one device, or on one for each process.

    Attributes:
        name: of the device.
        train_hours: to compute all training steps, by all processes together.
        dev_hours: to transcribe dev at all evaluations, by all processes together.
        usd: for both, of as many devices as processes; None without a price.
        needed_gb: memory that training takes on each device; on this CPU, all processes.
        device: the device.
    """

    name: str
    train_hours: float
    dev_hours: float
    usd: float | None
    needed_gb: float
    device: Device

    @property
    def hours(self) -> float:
        """Of training and of dev."""
        return self.train_hours + self.dev_hours


@dataclass(frozen=True)
class Plan:
    """What a configuration takes.

    Attributes:
        run: its steps.
        cost: of them.
        memory: bytes of each part on a GPU of one process.
        rows: by device, this machine's CPU last.
        variants: see ``asr.planning.memory.variants``.
        disk: bytes by content.
    """

    run: PlannedRun
    cost: RunCost
    memory: Mapping[str, float]
    rows: list[DeviceRow]
    variants: list[Variant]
    disk: Mapping[str, float]


def device_rows(
    run: PlannedRun, cost: RunCost, parts: Mapping[str, float], conf: DevicesFile
) -> list[DeviceRow]:
    """Hours and money of a run by device; the rates of this machine's CPU are measured now.

    Processes share training and dev equally, and what they exchange takes no time here.

    Args:
        run: of the configuration.
        cost: its cost.
        parts: bytes of each part on a GPU, see ``memory_parts``.
        conf: devices and prices.
    """
    family, train, machine = run.config.family, run.config.train, run.config.machine
    factor = conf.this_cpu.time_factor.get(family, 1.0)
    cpu = measured_cpu(memory_of_machine_gb(), factor, machine.num_threads)
    rows = []
    for name, device in {**conf.devices, THIS_CPU: cpu}.items():
        needed, at_once = sum(parts.values()), float(machine.num_processes)
        if name == THIS_CPU:
            needed = machine.num_processes * (needed - parts["CUDA"])
            # More processes than the cores have room for are no faster.
            at_once = min(at_once, max(1.0, num_cores() / machine.num_threads))
        train_hours = device.seconds(cost.work, train.precision) / 3600 / at_once
        dev_hours = train_hours * dev_share(run) * conf.this_cpu.dev_clip.get(family, 1.0)
        price = device.price
        device_hours = machine.num_processes * (train_hours + dev_hours)
        usd = None if price is None else price.usd_per_hour * device_hours
        rows.append(DeviceRow(name, train_hours, dev_hours, usd, needed / 1e9, device))
    return rows


def dev_share(run: PlannedRun) -> float:
    """Seconds of dev that are transcribed over seconds of audio that are trained on."""
    train = run.config.train
    num_dev = min(train.num_dev_utterances, len(run.clips.dev))
    mean_s = sum(one.duration_s for one in run.clips.dev) / max(1, len(run.clips.dev))
    evaluations = math.ceil(run.num_steps / train.eval_every_steps)
    examples = [example for step in run.steps for batch in step for example in batch.examples]
    trained_s = sum(example.duration_s for example in examples) * run.num_steps / len(run.steps)
    return evaluations * num_dev * mean_s / trained_s


def memory_of_machine_gb() -> float:
    """Of this machine, 10^9 bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
