"""Log-probabilities and transcripts of a batch; training also decodes dev with this module."""

from collections.abc import Sequence

import torch

from asr.families.ctc.model.greedy import LogProbs, greedy
from asr.families.ctc.model.inputs import inputs_of
from asr.families.ctc.model.model import CtcModel
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


@torch.inference_mode()
def log_probs(model: CtcModel, waveforms: Sequence[Waveform]) -> list[LogProbs]:
    """Log-probabilities of each clip's labels, each of shape (num_frames, num_tokens)."""
    inputs = inputs_of(model.description, model.extractor, model.num_mels, waveforms)
    scores = model(inputs).float().log_softmax(-1).cpu().numpy()
    return [row[:frames] for row, frames in zip(scores, inputs.frames, strict=True)]


def transcribe(
    model: CtcModel, waveforms: Sequence[Waveform], utterances: Sequence[Utterance]
) -> list[Hypothesis]:
    """The likeliest path of each clip; see ``greedy``."""
    return [
        greedy(model.vocabulary, utterance, scores)
        for utterance, scores in zip(utterances, log_probs(model, waveforms), strict=True)
    ]
