"""Batches that fit the memory: one that does not is computed in halves, and the size is remembered.

A step's loss is a sum over target tokens, divided by their number in the whole step. So two halves
of a batch give the gradient of the whole, up to rounding, and the loss curve stays.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.training.plan import TrainingBatch


def seconds_of(batch: TrainingBatch) -> float:
    """Seconds of computed audio; memory grows with them."""
    return batch.context_s * len(batch.examples)


def fitting(batches: Iterable[TrainingBatch], most_s: float) -> list[TrainingBatch]:
    """The same examples in the same order, in batches of at most ``most_s`` or one example."""
    parts = []
    for batch in batches:
        half = len(batch.examples) // 2
        if half == 0 or seconds_of(batch) <= most_s:
            parts.append(batch)
        else:
            halves = (batch.examples[:half], batch.examples[half:])
            parts += fitting([replace(batch, examples=examples) for examples in halves], most_s)
    return parts


class BatchLimit:
    """The most seconds a batch may have on this device, infinite until memory runs out."""

    def __init__(self, path: Path, device: str) -> None:
        """Recall what an earlier run on the device found.

        Args:
            path: JSON file of all devices' limits; need not exist.
            device: its name and what it computes.
        """
        self.path, self.device = path, device
        self.most_s: float = self._remembered().get(device, float("inf"))

    def lower(self, batches: Iterable[TrainingBatch]) -> None:
        """Halve the limit below the largest of the batches that did not fit, and remember it.

        Raises:
            InputError: if the largest has one example alone.
        """
        largest = max(batches, key=seconds_of)
        if len(largest.examples) == 1:
            raise InputError(
                f"out of memory with one clip of {largest.context_s:.2f} s on {self.device}: "
                f"set train.gradient_checkpointing, train.tune lora, or a smaller model"
            )
        self.most_s = seconds_of(largest) / 2
        tqdm.write(f"out of memory: batches above {self.most_s:.1f} s are computed in halves now")
        write_json(self.path, {**self._remembered(), self.device: self.most_s})

    def _remembered(self) -> dict[str, float]:
        return read_json(self.path) if self.path.exists() else {}
