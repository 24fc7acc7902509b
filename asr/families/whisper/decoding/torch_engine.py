"""Decode with torch, greedily or by beam search, on any device that torch supports."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from asr.core.errors import InputError
from asr.decoding.params import DecodeParams
from asr.families.whisper.model.greedy import (
    next_logits,
    start_decoding,
    suppression_masks,
    transcribe_greedily,
)
from asr.families.whisper.model.model import load
from asr.families.whisper.runtime.scripts import text_tokens_of, tokens_of_scripts
from asr.families.whisper.tokens import hypothesis_of
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


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
        if params.precision not in PRECISIONS:
            raise InputError(
                f"decode.precision: expected one of {', '.join(PRECISIONS)} with torch, "
                f"got {params.precision}"
            )
        self.device = device.type
        self.whisper = load(folder, device)
        network: Any = self.whisper.network
        network.to(PRECISIONS[params.precision])
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
        if self.num_beams == 1:
            return transcribe_greedily(self.whisper, waveforms, utterances, context_s, budgets)
        return self._search(waveforms, utterances, context_s, budgets)

    @torch.inference_mode()
    def _search(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """Beam search like CTranslate2's: a clip ends when ``num_beams`` hypotheses have ended."""
        whisper, num_beams = self.whisper, self.num_beams
        end = whisper.network.generation_config.eos_token_id
        encoded, prompts, budgets = start_decoding(
            whisper, waveforms, utterances, context_s, budgets
        )
        always, first = suppression_masks(whisper)
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        # The prompt is decoded once per clip; the best first tokens start the beams.
        logits = next_logits(whisper, prompts, encoded, cache) + first
        start = logits.log_softmax(-1).topk(num_beams)
        clips = [_Clip(index, [[]], [0.0]) for index in range(len(utterances))]
        running, rows, inputs = [], [], []
        for clip, scores, tokens in zip(
            clips, start.values.tolist(), start.indices.tolist(), strict=True
        ):
            clip.advance([(s, 0, t) for s, t in zip(scores, tokens, strict=True)], num_beams, end)
            running.append(clip)
            rows += [clip.index] * num_beams
            inputs += tokens
        while running:
            kept = torch.tensor(rows, device=encoded.device)
            encoded = encoded[kept]
            cache.batch_select_indices(kept)
            step = torch.tensor(inputs, device=encoded.device)[:, None]
            log_probs = (next_logits(whisper, step, encoded, cache) + always).log_softmax(-1)
            total = torch.tensor([s for clip in running for s in clip.scores], device=step.device)
            total = (log_probs + total[:, None]).view(len(running), -1)
            # Twice num_beams: even if every beam ends at this step, num_beams candidates are left.
            best = total.topk(2 * num_beams)
            ranked = zip(running, best.values.tolist(), best.indices.tolist(), strict=True)
            running, rows, inputs = [], [], []
            for place, (clip, scores, flat) in enumerate(ranked):
                choices = [
                    (score, *divmod(where, log_probs.shape[-1]))
                    for score, where in zip(scores, flat, strict=True)
                ]
                beams, tokens = clip.advance(choices, num_beams, end)
                if len(clip.ended) < num_beams and len(clip.beams[0]) < budgets[clip.index]:
                    running.append(clip)
                    rows += [place * num_beams + beam for beam in beams]
                    inputs += tokens
        return [
            hypothesis_of(whisper.tokenizer, end, utterances[clip.index], *clip.best(num_beams))
            for clip in clips
        ]


@dataclass
class _Clip:
    """Search state of a clip: ``beams`` (best first) with ``scores``, and ended hypotheses."""

    index: int
    beams: list[list[int]]
    scores: list[float]
    ended: list[tuple[list[int], float]] = field(default_factory=list)

    def advance(
        self, ranked: list[tuple[float, int, int]], num_beams: int, end: int
    ) -> tuple[list[int], list[int]]:
        """Extend the beams by ranked ``(score, beam, token)``; return the beams and tokens kept."""
        kept: list[tuple[float, int, int]] = []
        for rank, (score, beam, token) in enumerate(ranked):
            if token != end:
                kept.append((score, beam, token))
            elif rank < num_beams:
                self.ended.append(([*self.beams[beam], end], score))
            if len(kept) == num_beams:
                break
        self.beams = [[*self.beams[beam], token] for _, beam, token in kept]
        self.scores = [score for score, _, _ in kept]
        return [beam for _, beam, _ in kept], [token for _, _, token in kept]

    def best(self, num_beams: int) -> tuple[list[int], float]:
        """The hypothesis with the best mean score per token, and its summed score.

        Live beams compete too if fewer than ``num_beams`` hypotheses ended within the budget.
        """
        choices = [(score / max(1, len(beam) - 1), beam, score) for beam, score in self.ended]
        if len(self.ended) < num_beams:
            live = zip(self.beams, self.scores, strict=True)
            choices += [(score / len(beam), beam, score) for beam, score in live]
        _, beam, score = max(choices, key=lambda choice: choice[0])
        return beam, score
