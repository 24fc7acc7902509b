"""Transcription: greedy, or a beam search."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from asr.families.whisper.greedy import (
    begin,
    forbidden_tokens,
    hypothesis_of,
    next_logits,
    transcribe_greedily,
)
from asr.families.whisper.model import Whisper, load
from asr.hypothesis import Hypothesis
from asr.utterance import Utterance

__all__ = ["load", "transcribe"]


def transcribe(
    whisper: Whisper,
    waveforms: Sequence[npt.NDArray[np.float32]],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
    num_beams: int,
) -> list[Hypothesis]:
    """Hypotheses of one batch, in order; arguments as in ``transcribe_greedily``."""
    if num_beams == 1:
        return transcribe_greedily(whisper, waveforms, utterances, context_s, budgets)
    return _beam_search(whisper, waveforms, utterances, context_s, budgets, num_beams)


@dataclass
class _Clip:
    """A clip's search: live beams, best first, and those that have ended."""

    index: int
    beams: list[list[int]]
    scores: list[float]
    ended: list[tuple[list[int], float]] = field(default_factory=list)

    def advance(
        self, ranked: list[tuple[float, int, int]], num_beams: int, end: int
    ) -> tuple[list[int], list[int]]:
        """Take the best continuations ``(score, beam, token)``; return beams and tokens kept."""
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

    def best(self) -> tuple[list[int], float]:
        """The likeliest hypothesis by mean log-probability, an ended one if there is any."""
        choices = self.ended or list(zip(self.beams, self.scores, strict=True))
        return max(choices, key=lambda choice: choice[1] / len(choice[0]))


@torch.inference_mode()
def _beam_search(
    whisper: Whisper,
    waveforms: Sequence[npt.NDArray[np.float32]],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
    num_beams: int,
) -> list[Hypothesis]:
    """Beam search as faster-whisper's: a clip ends when ``num_beams`` of its hypotheses have."""
    end = whisper.network.generation_config.eos_token_id
    encoded, prompts, budgets = begin(whisper, waveforms, utterances, context_s, budgets)
    always, first = forbidden_tokens(whisper)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    # The prompt is read once a clip; the first step's best tokens become the beams.
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
        total = torch.tensor([s for clip in running for s in clip.scores], device=encoded.device)
        total = (log_probs + total[:, None]).view(len(running), -1)
        # Twice as many as beams: if all beams ended at once there are still as many to go on with.
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
    return [hypothesis_of(whisper, utterances[clip.index], *clip.best()) for clip in clips]
