"""Decode with torch, greedily or by beam search, on any device that torch supports."""

from collections.abc import Sequence
from pathlib import Path

import torch

from asr.decoding.params import DecodeParams, torch_precision
from asr.families.qwen3_asr.decoding.params import Qwen3AsrDecodeParams
from asr.families.qwen3_asr.model.model import load
from asr.families.qwen3_asr.model.transcribe import list_candidates
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


class TorchEngine:
    """A model in torch, which spreads one batch over all cores."""

    num_workers = 1

    def __init__(
        self, folder: Path, device: torch.device, params: DecodeParams, own: Qwen3AsrDecodeParams
    ) -> None:
        """Load a transformers folder.

        Raises:
            InputError: if it holds no Qwen3-ASR, or the engine lacks the precision.
        """
        self.device = device.type
        self.model = load(folder, device, torch_precision(params))
        self._num_beams, self._max_repeats = params.num_beams, own.max_repeats

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """Transcribe one batch; see ``asr.families.protocols.Engine.transcribe``."""
        lists = self.candidates(waveforms, utterances, context_s, budgets, 1)
        return [hypotheses[0] for hypotheses in lists]

    def candidates(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
        num: int,
    ) -> list[list[Hypothesis]]:
        """See ``asr.decoding.candidates.HasCandidates``."""
        return list_candidates(
            self.model, waveforms, utterances, context_s, budgets,
            max(self._num_beams, num), self._max_repeats, num,
        )  # fmt: skip
