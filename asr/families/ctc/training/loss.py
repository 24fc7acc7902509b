"""CTC (Graves et al., 2006), summed over the labels of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from asr.families.ctc.model.batch import Inputs
from asr.families.ctc.model.model import CtcModel
from asr.families.ctc.tokens.vocabulary import frames_needed


@dataclass(frozen=True)
class LossBatch:
    """A batch for ``SummedLoss``.

    Attributes:
        inputs: the clips.
        targets: labels of each transcript.
    """

    inputs: Inputs
    targets: Sequence[list[int]]

    @property
    def num_targets(self) -> int:
        """Labels that the loss sums over, without transcripts that don't fit their clip's frames.

        At least 1, so that a batch without labels has a loss of 0 and not of no number.
        """
        pairs = zip(self.targets, self.inputs.frames, strict=True)
        return max(1, sum(len(one) for one, frames in pairs if frames_needed(one) <= frames))


class SummedLoss(nn.Module):
    """The negative log-likelihood of each transcript, summed over all ways through the frames."""

    def __init__(self, model: CtcModel) -> None:
        super().__init__()
        self.network = model

    def forward(self, batch: LossBatch) -> torch.Tensor:
        """Return the summed loss, a scalar in float32."""
        frames = batch.inputs.frames
        logits = self.network(batch.inputs)
        log_probs = logits.float().log_softmax(-1)
        return nn.functional.ctc_loss(
            # On the CPU: MPS has no CTC, and CUDA's gradients differ from run to run.
            log_probs.transpose(0, 1).cpu(),
            torch.tensor([label for one in batch.targets for label in one], dtype=torch.long),
            torch.tensor(frames),
            torch.tensor([len(one) for one in batch.targets]),
            blank=0,
            reduction="sum",
            zero_infinity=True,
        ).to(logits.device)
