"""Notice a model that writes blanks alone, where CTC easily gets stuck."""

from collections.abc import Sequence

import torch
from tqdm import tqdm

from asr.utterances.hypothesis import Hypothesis

CURES = (
    "most models leave this state after some hundred steps; one that does not needs a smaller "
    "train.lr, more train.warmup_steps, a larger ctc.train.head_rate, larger batches, fewer masks "
    "(train.spec_augment), or transcripts that fit their clips"
)


class BlankWatch:
    """Counts blanks in training, and texts without a letter in evaluations on dev."""

    def __init__(self) -> None:
        self._num_blank = self._num_frames = self._num_empty = self._num_texts = 0

    def count(self, logits: torch.Tensor, frames: Sequence[int]) -> None:
        """Count the blanks of a training batch; say what came of the last evaluation."""
        if self._num_texts:
            self.write()
        there = torch.arange(logits.shape[1]) < torch.tensor(frames)[:, None]
        blank = (logits.argmax(-1) == 0).cpu()
        self._num_blank += int((blank & there).sum())
        self._num_frames += int(there.sum())

    def transcribed(self, hypotheses: Sequence[Hypothesis]) -> None:
        """Count the empty texts among transcripts of dev."""
        self._num_texts += len(hypotheses)
        self._num_empty += sum(not one.text for one in hypotheses)

    def write(self) -> None:
        """Write the counts since the last time, and what helps if all texts are empty."""
        distributed = torch.distributed
        first = not (distributed.is_available() and distributed.is_initialized())
        if (first or distributed.get_rank() == 0) and self._num_texts:
            share = self._num_blank / max(1, self._num_frames)
            tqdm.write(
                f"ctc: blank in {share:.1%} of the frames since the last evaluation; "
                f"{self._num_empty} of {self._num_texts} texts of dev are empty"
            )
            if self._num_empty == self._num_texts:
                tqdm.write(f"ctc: only blanks: {CURES}")
        self._num_blank = self._num_frames = self._num_empty = self._num_texts = 0
