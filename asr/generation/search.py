"""Greedy search and beam search over any decoder with a cache; a clip that ended leaves the batch.

A clip ends at an end token, when its budget of tokens is spent, or when it repeats itself as often
as ``Limits.max_repeats``. The last two are loops: their last token is no end token.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

# The longest phrase whose repetition is noticed, in tokens. A longer one meets the budget, which
# grows with the clip. Each token costs one comparison for each length that might repeat.
LONGEST_PHRASE = 32


class Decoder(Protocol):
    """A model with the cache of a batch."""

    def start(self) -> torch.Tensor:
        """Log-probabilities of each clip's first token, shape (num_clips, vocab_size), float32."""

    def step(self, rows: Sequence[int], tokens: Sequence[int]) -> torch.Tensor:
        """Log-probabilities of the token after ``tokens``.

        Args:
            rows: rows of the previous call's result that go on, in any order; one may come twice.
            tokens: the token that each of them goes on with.

        Returns:
            Shape (len(rows), vocab_size), float32.
        """


@dataclass(frozen=True)
class Limits:
    """What ends a clip.

    Attributes:
        ends: the end tokens; any of them ends a clip.
        budgets: most tokens of each clip, the end token included.
        max_repeats: a phrase that comes so often in a row ends a clip; 0 for no such limit.
    """

    ends: Collection[int]
    budgets: Sequence[int]
    max_repeats: int = 0

    def is_loop(self, tokens: Sequence[int]) -> bool:
        """Whether ``tokens`` end with a phrase that comes ``max_repeats`` times in a row."""
        if not self.max_repeats:
            return False
        for length in range(1, min(LONGEST_PHRASE, len(tokens) // self.max_repeats) + 1):
            if tokens[-1] != tokens[-1 - length]:
                continue
            tail = tokens[-length * self.max_repeats :]
            if all(tail[at] == tail[at + length] for at in range(len(tail) - length)):
                return True
        return False


@dataclass(frozen=True)
class Found:
    """The tokens of a clip, and the sum of their log-probabilities."""

    tokens: list[int]
    log_prob: float


def search(decoder: Decoder, limits: Limits, num_beams: int) -> list[Found]:
    """Find the tokens of each clip: greedily if ``num_beams`` is 1, else by beam search."""
    return [found[0] for found in search_lists(decoder, limits, num_beams)]


def search_lists(decoder: Decoder, limits: Limits, num_beams: int) -> list[list[Found]]:
    """List what ``search`` may choose for each clip, its choice first; greedy search lists one."""
    if num_beams == 1:
        return [[found] for found in greedy_search(decoder, limits)]
    return beam_search(decoder, limits, num_beams)


@torch.inference_mode()
def greedy_search(decoder: Decoder, limits: Limits) -> list[Found]:
    """Append the likeliest token until the clip ends."""
    tokens: list[list[int]] = [[] for _ in limits.budgets]
    log_probs = [0.0] * len(tokens)
    running = list(range(len(tokens)))  # clips, by row of the log-probabilities
    scores = decoder.start()
    while running:
        best = scores.max(-1)
        rows, inputs = [], []
        chosen = zip(running, best.indices.tolist(), best.values.tolist(), strict=True)
        for row, (clip, token, log_prob) in enumerate(chosen):
            tokens[clip].append(token)
            log_probs[clip] += log_prob
            spent = len(tokens[clip]) >= limits.budgets[clip]
            if token not in limits.ends and not spent and not limits.is_loop(tokens[clip]):
                rows.append(row)
                inputs.append(token)
        running = [running[row] for row in rows]
        if running:
            scores = decoder.step(rows, inputs)
    return [Found(*found) for found in zip(tokens, log_probs, strict=True)]


@torch.inference_mode()
def beam_search(decoder: Decoder, limits: Limits, num_beams: int) -> list[list[Found]]:
    """Beam search like CTranslate2's: a clip ends when ``num_beams`` hypotheses have ended."""
    clips = [_Clip(index, [[]], [0.0]) for index in range(len(limits.budgets))]
    running, num_rows = clips, 1
    log_probs = decoder.start()
    while running:
        before = torch.tensor([s for clip in running for s in clip.scores], device=log_probs.device)
        total = (log_probs + before[:, None]).view(len(running), -1)
        # Even if every beam ends at this step, with each end token, num_beams candidates are left.
        best = total.topk(min((1 + len(limits.ends)) * num_beams, total.shape[1]))
        ranked = zip(running, best.values.tolist(), best.indices.tolist(), strict=True)
        running, rows, inputs = [], [], []
        for place, (clip, scores, flat) in enumerate(ranked):
            choices = [
                (score, *divmod(where, log_probs.shape[-1]))
                for score, where in zip(scores, flat, strict=True)
            ]
            beams, tokens = clip.advance(choices, num_beams, limits)
            if clip.goes_on(num_beams, limits):
                running.append(clip)
                rows += [place * num_rows + beam for beam in beams]
                inputs += tokens
        num_rows = num_beams
        if running:
            log_probs = decoder.step(rows, inputs)
    return [clip.ranked(num_beams) for clip in clips]


@dataclass
class _Clip:
    """Search state of a clip: ``beams`` (best first) with ``scores``, and what has ended."""

    index: int
    beams: list[list[int]]
    scores: list[float]
    ended: list[tuple[list[int], float]] = field(default_factory=list)
    loops: list[tuple[list[int], float]] = field(default_factory=list)

    def advance(
        self, ranked: list[tuple[float, int, int]], num_beams: int, limits: Limits
    ) -> tuple[list[int], list[int]]:
        """Extend the beams by ranked ``(score, beam, token)``; return the beams and tokens kept."""
        kept: list[tuple[float, int, int]] = []
        beams: list[list[int]] = []
        for rank, (score, beam, token) in enumerate(ranked):
            if score == -torch.inf:
                break
            longer = [*self.beams[beam], token]
            if token in limits.ends:
                if rank < num_beams:
                    self.ended.append((longer, score))
            elif limits.is_loop(longer):
                self.loops.append((longer, score))
            else:
                kept.append((score, beam, token))
                beams.append(longer)
            if len(kept) == num_beams:
                break
        self.beams, self.scores = beams, [score for score, _, _ in kept]
        if kept:  # a clip has as many rows as the others; those that repeat the last never win
            lacking = num_beams - len(kept)
            self.beams += beams[-1:] * lacking
            self.scores += [-torch.inf] * lacking
            kept += kept[-1:] * lacking
        return [beam for _, beam, _ in kept], [token for _, _, token in kept]

    def goes_on(self, num_beams: int, limits: Limits) -> bool:
        """Whether there are beams left, and room for more tokens and hypotheses."""
        done = len(self.ended) + len(self.loops) >= num_beams
        return not done and bool(self.beams) and len(self.beams[0]) < limits.budgets[self.index]

    def ranked(self, num_beams: int) -> list[Found]:
        """Hypotheses by their mean log-probability per token, the best first.

        Live beams compete too if fewer than ``num_beams`` hypotheses ended within the budget. A
        loop is the last resort: its mean rises with its length.
        """
        choices = [(score / max(1, len(beam) - 1), beam, score) for beam, score in self.ended]
        if len(self.ended) < num_beams and not self.loops:
            live = zip(self.beams, self.scores, strict=True)
            choices += [(score / len(beam), beam, score) for beam, score in live]
        choices = choices or [(score / len(beam), beam, score) for beam, score in self.loops]
        choices.sort(key=lambda choice: choice[0], reverse=True)
        likely = [choice for choice in choices if choice[0] > -torch.inf]
        # Weights that are not finite leave none; who builds the hypothesis then says so.
        return [Found(beam, score) for _, beam, score in likely or choices[:1]]
