"""Decode in torch, on any device that torch supports."""

from collections.abc import Sequence
from pathlib import Path

import torch

from asr.decoding.params import DecodeParams, torch_precision
from asr.families.ctc.decoding.search import open_search
from asr.families.ctc.model.greedy import LogProbs
from asr.families.ctc.model.log_probs import log_probs
from asr.families.ctc.model.model import load
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


class TorchEngine:
    """A model in torch, which spreads one batch over all cores."""

    num_workers = 1

    def __init__(self, folder: Path, device: torch.device, params: DecodeParams) -> None:
        """Load a model folder.

        Raises:
            InputError: if it holds no model of the family, or torch lacks the precision.
        """
        self.device = device.type
        self._model = load(folder, device, torch_precision(params))
        self._search = open_search(self._model.vocabulary, params)

    def log_probs(self, waveforms: Sequence[Waveform]) -> list[LogProbs]:
        """Log-probabilities of each clip's labels, shape (num_frames, num_tokens)."""
        return log_probs(self._model, waveforms)

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """Transcribe one batch; see ``asr.families.protocols.Engine.transcribe``."""
        pairs = zip(utterances, self.log_probs(waveforms), strict=True)
        return [self._search.best(one, scores) for one, scores in pairs]

    def candidates(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
        num: int,
    ) -> list[list[Hypothesis]]:
        """See ``asr.decoding.candidates.HasCandidates``."""
        pairs = zip(utterances, self.log_probs(waveforms), strict=True)
        return [self._search.candidates(one, scores, num) for one, scores in pairs]
