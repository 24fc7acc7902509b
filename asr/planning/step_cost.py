"""What a training batch costs: FLOPs, bytes and memory, counted once and then by a formula.

A batch is computed by the family's own code on tensors without values, forward and backward. All
families compute each clip of a batch on its own, padded to the longest. So the cost of a batch is
its number of clips times a polynomial of seconds and tokens, in which attention is quadratic, and
a part for each target token: the projection on the vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.flop_counter import FlopCounterMode

from asr.families.protocols import Batch
from asr.planning.live_bytes import LiveBytes
from asr.planning.sized_model import SizedTrainee

NUM_COUNTED = 12  # batches that a formula is fitted to; it has 8 terms


@dataclass(frozen=True)
class BatchShape:
    """The sizes of a batch.

    Attributes:
        num_clips: number of examples.
        seconds: that the model computes for each of them.
        num_tokens: transcript tokens of the longest.
        num_targets: tokens that the loss sums over.
    """

    num_clips: int
    seconds: float
    num_tokens: int
    num_targets: int

    def terms(self) -> list[float]:
        """The terms of the formula."""
        clips, s, t = self.num_clips, self.seconds, self.num_tokens
        each = (1.0, s, s * s, t, s * t, t * t)
        return [1.0, *(clips * one for one in each), self.num_targets]


@dataclass(frozen=True)
class BatchCost:
    """The cost of a batch, forward and backward.

    Attributes:
        flops: of matrix products, convolutions and attention; a multiplication and an addition
            are two.
        bytes_moved: read and written by all operations.
        num_operations: their number.
        peak_bytes: the most that is alive at once, beyond weights and earlier gradients.
    """

    flops: float
    bytes_moved: float
    num_operations: float
    peak_bytes: float

    def values(self) -> tuple[float, ...]:
        """All four, in order."""
        return (self.flops, self.bytes_moved, self.num_operations, self.peak_bytes)


def count(sized: SizedTrainee, batch: Batch, precision: str, *, accumulated: bool) -> BatchCost:
    """Count the cost of a batch.

    Args:
        sized: the model.
        batch: what ``Trainee.batch`` built.
        precision: ``train.precision``.
        accumulated: whether gradients of earlier batches of the step are there; if not, they
            come as activations go, and both together take less.
    """
    mode, network = sized.mode, sized.trainee.network
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    for weight in weights:
        with mode.fake:
            weight.grad = torch.zeros_like(weight) if accumulated else None
    operations, moved = mode.num_operations, mode.bytes_moved
    flops = FlopCounterMode(display=False)
    with LiveBytes() as live:
        for tensor in [*network.parameters(), *network.buffers()]:
            live.add(tensor)
        for weight in weights:
            if weight.grad is not None:
                live.add(weight.grad)
        before = live.live
        with flops, mode:
            # fp16 takes the same bytes.
            with torch.autocast("cpu", torch.bfloat16, enabled=precision != "fp32"):
                loss = sized.trainee.summed_loss(batch)
            loss.backward()
        del loss
        peak = live.most - before
    for weight in weights:
        weight.grad = None
    return BatchCost(
        flops.get_total_flops(),
        mode.bytes_moved - moved,
        mode.num_operations - operations,
        peak,
    )


class CostFormula:
    """The cost of any batch of a run, fitted to a few that were counted."""

    def __init__(self, shapes: Sequence[BatchShape], costs: Sequence[BatchCost]) -> None:
        """Fit the terms; each counted batch weighs the same, however large it is."""
        terms = np.array([shape.terms() for shape in shapes])
        values = np.array([cost.values() for cost in costs], float)
        scale = np.abs(terms).max(0)
        scale[scale == 0] = 1.0
        self._coefficients = np.stack(
            [
                np.linalg.lstsq(terms / scale / column[:, None], np.ones(len(column)), rcond=1e-10)[
                    0
                ]
                / scale
                for column in values.T
            ]
        )

    def __call__(self, shape: BatchShape) -> BatchCost:
        """The cost of a batch."""
        return BatchCost(*(self._coefficients @ np.array(shape.terms())).tolist())

    def total(self, shapes: Sequence[BatchShape]) -> BatchCost:
        """The sum over batches; ``peak_bytes`` is that of the largest."""
        values: npt.NDArray[np.float64] = (
            np.array([s.terms() for s in shapes]) @ self._coefficients.T
        )
        flops, moved, operations, _ = values.sum(0).tolist()
        return BatchCost(flops, moved, operations, float(values[:, 3].max()))


def apart(shapes: Sequence[BatchShape], count: int = NUM_COUNTED) -> list[int]:
    """Positions of batches that differ most in size, the one with the most seconds first.

    Each next one is the farthest from all before, in seconds, tokens, clips and targets.
    """
    table = np.array([[s.seconds, s.num_tokens, s.num_clips, s.num_targets] for s in shapes], float)
    spread = np.ptp(table, axis=0)
    table = table / np.where(spread > 0, spread, 1.0)
    chosen = [int(np.argmax([s.num_clips * s.seconds for s in shapes]))]
    distance = np.full(len(shapes), np.inf)
    while len(chosen) < count:
        distance = np.minimum(distance, ((table - table[chosen[-1]]) ** 2).sum(1))
        if distance.max() == 0:
            break
        chosen.append(int(distance.argmax()))
    return chosen
