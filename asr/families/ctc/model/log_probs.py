"""Log-probabilities of a batch; training also decodes dev with this module."""

from collections.abc import Sequence

import torch

from asr.families.ctc.model.greedy import LogProbs
from asr.families.ctc.model.inputs import inputs_of
from asr.families.ctc.model.model import CtcModel
from asr.utterances.waveform import Waveform


@torch.inference_mode()
def log_probs(model: CtcModel, waveforms: Sequence[Waveform]) -> list[LogProbs]:
    """Log-probabilities of each clip's labels, each of shape (num_frames, num_tokens)."""
    inputs = inputs_of(model.description, model.extractor, model.num_mels, waveforms)
    scores = model(inputs).float().log_softmax(-1).cpu().numpy()
    return [row[:frames] for row, frames in zip(scores, inputs.frames, strict=True)]
