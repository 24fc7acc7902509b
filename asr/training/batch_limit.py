"""Halve batches that run out of memory, and store the largest size that fits, per device.

The loss of a step is summed over target tokens and divided by their number in the whole step. So
two halves of a batch give the same gradient as the whole, up to rounding.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.training.plan import TrainingBatch


def seconds_of(batch: TrainingBatch) -> float:
    """Seconds of audio that a batch computes, padding included; memory grows with them."""
    return batch.context_s * len(batch.examples)


def split_to_fit(batches: Iterable[TrainingBatch], max_s: float) -> list[TrainingBatch]:
    """Split batches down to ``max_s`` or one example; the order of examples stays."""
    parts = []
    for batch in batches:
        half = len(batch.examples) // 2
        if half == 0 or seconds_of(batch) <= max_s:
            parts.append(batch)
        else:
            halves = (batch.examples[:half], batch.examples[half:])
            parts += split_to_fit([replace(batch, examples=examples) for examples in halves], max_s)
    return parts


class BatchLimit:
    """Most seconds of a batch on this device; infinite until memory runs out."""

    def __init__(self, path: Path, device: str) -> None:
        """Read the limit that an earlier run on the device stored.

        Args:
            path: JSON file with the limits of all devices; need not exist.
            device: key in the file: device name, model size, and how it is trained.
        """
        self.path, self.device = path, device
        self.max_s: float = self._stored().get(device, float("inf"))
        if self.max_s < float("inf"):
            tqdm.write(
                f"batches above {self.max_s:.1f} s are halved, since an earlier run was out of "
                f"memory; remove {path} to try whole ones"
            )

    def lower(self, batches: Iterable[TrainingBatch]) -> None:
        """Set the limit to half the largest batch of a step that ran out of memory; store it.

        Raises:
            InputError: if the largest batch has only one example.
        """
        largest = max(batches, key=seconds_of)
        if len(largest.examples) == 1:
            raise InputError(
                f"out of memory with one clip of {largest.context_s:.2f} s on {self.device}: "
                f"expected train.gradient_checkpointing true, train.tune lora or a smaller model"
            )
        self.max_s = seconds_of(largest) / 2
        tqdm.write(f"out of memory: batches above {self.max_s:.1f} s are now halved")
        write_json(self.path, {**self._stored(), self.device: self.max_s})

    def _stored(self) -> dict[str, float]:
        return read_json(self.path) if self.path.exists() else {}
