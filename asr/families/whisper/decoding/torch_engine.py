"""Decode with torch, greedily or by beam search, on any device that torch supports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from asr.decoding.params import DecodeParams, torch_precision
from asr.families.whisper.model.decoder import list_candidates
from asr.families.whisper.model.model import load
from asr.families.whisper.runtime.scripts import text_tokens_of, tokens_of_scripts
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance


class TorchEngine:
    """A model in torch, which spreads one batch over all cores."""

    num_workers = 1

    def __init__(
        self, folder: Path, device: torch.device, params: DecodeParams, scripts: Sequence[str]
    ) -> None:
        """Load a transformers folder.

        Raises:
            InputError: if it holds no Whisper model, or the engine lacks the precision.
        """
        precision = torch_precision(params)
        self.device = device.type
        self.whisper = load(folder, device)
        network: Any = self.whisper.network
        network.to(precision)
        if scripts:
            generation = network.generation_config
            ends = generation.eos_token_id, generation.no_timestamps_token_id
            own = tokens_of_scripts(scripts, self.whisper.tokenizer, *ends)
            foreign = set(text_tokens_of(self.whisper.tokenizer, *ends)).difference(own)
            always = generation.suppress_tokens or ()
            generation.suppress_tokens = sorted(foreign.union(always))
        self.num_beams = params.num_beams

    def transcribe(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """Transcribe one batch; see ``asr.families.protocols.Engine.transcribe``."""
        lists = self.candidates(waveforms, utterances, context_s, budgets, 1)
        return [hypotheses[0] for hypotheses in lists]

    def candidates(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
        num: int,
    ) -> list[list[Hypothesis]]:
        """See ``asr.decoding.candidates.HasCandidates``."""
        num_beams = max(self.num_beams, num)
        return list_candidates(
            self.whisper, waveforms, utterances, context_s, budgets, num_beams, num
        )
