"""Notice a model that writes blanks alone, where CTC easily gets stuck."""

from collections.abc import Iterable

import torch
from tqdm import tqdm

from asr.families.ctc.model.greedy import LogProbs

CURES = (
    "most models leave this state after some hundred steps; one that does not needs a smaller "
    "train.lr, more train.warmup_steps, a larger ctc.train.head_rate, larger batches, fewer masks "
    "(train.spec_augment), or transcripts that fit their clips"
)


class BlankWatch:
    """Counts, in an evaluation on dev, frames with a blank and texts without a letter."""

    def __init__(self) -> None:
        self._num_blank = self._num_frames = self._num_empty = self._num_texts = 0

    def count(self, clips: Iterable[LogProbs]) -> None:
        """Count the blanks on the likeliest path of each clip."""
        for scores in clips:
            num_blank = int((scores.argmax(-1) == 0).sum())
            self._num_blank += num_blank
            self._num_frames += len(scores)
            self._num_empty += num_blank == len(scores)
            self._num_texts += 1

    def taken(self) -> dict[str, tuple[int, int]]:
        """The counts since the last call, each with its whole; says what helps if all is blank."""
        counts = {
            "blank_share": (self._num_blank, self._num_frames),
            "empty_share": (self._num_empty, self._num_texts),
        }
        distributed = torch.distributed
        first = not (distributed.is_available() and distributed.is_initialized())
        if (first or distributed.get_rank() == 0) and self._num_texts:
            tqdm.write(
                f"ctc: blank in {self._num_blank / max(1, self._num_frames):.1%} of dev's frames; "
                f"{self._num_empty} of {self._num_texts} texts are empty"
            )
            if self._num_empty == self._num_texts:
                tqdm.write(f"ctc: only blanks: {CURES}")
        self._num_blank = self._num_frames = self._num_empty = self._num_texts = 0
        return counts
