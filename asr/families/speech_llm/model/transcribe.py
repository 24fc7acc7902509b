"""Transcribe a batch, greedily or by beam search; training also decodes dev with this module."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from asr.families.speech_llm.model.inputs import audio_of, embed, inputs_of, project, prompts
from asr.families.speech_llm.model.model import SpeechLlm
from asr.families.speech_llm.tokens import end_tokens, text_of
from asr.generation.causal_lm import CausalLm
from asr.generation.hypothesis import hypothesis_of
from asr.generation.search import Limits, search_lists
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


class _TextHead(nn.Module):
    """The head of the language model, which never writes tokens without text."""

    def __init__(self, model: SpeechLlm) -> None:
        super().__init__()
        self._head = model.language_model.get_output_embeddings()
        never = torch.zeros(self._head.weight.shape[0], device=model.device)
        never[model.without_text] = -torch.inf
        self._never = never

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of (rows, width), shape (rows, vocab_size), float32."""
        return self._head(hidden).float() + self._never  # type: ignore[no-any-return]


def transcribe(
    model: SpeechLlm,
    waveforms: Sequence[Waveform],
    utterances: Sequence[Utterance],
    budgets: Sequence[int],
    num_beams: int,
    max_repeats: int,
) -> list[Hypothesis]:
    """Find the likeliest text of each clip: the first of its candidates."""
    lists = list_candidates(model, waveforms, utterances, budgets, num_beams, max_repeats, 1)
    return [hypotheses[0] for hypotheses in lists]


@torch.inference_mode()
def list_candidates(
    model: SpeechLlm,
    waveforms: Sequence[Waveform],
    utterances: Sequence[Utterance],
    budgets: Sequence[int],
    num_beams: int,
    max_repeats: int,
    num: int,
) -> list[list[Hypothesis]]:
    """List up to ``num`` likely texts of each clip, each clip with its own context.

    Args:
        model: the model.
        waveforms: float32, mono, 16 kHz, none longer than 30 s.
        utterances: the same clips, for language and id.
        budgets: most tokens per clip, the end token included.
        num_beams: 1 for greedy search.
        max_repeats: see ``Limits``.
        num: most hypotheses of each clip.

    Returns:
        Hypotheses of each clip, the likeliest first.
    """
    audio = audio_of(model, waveforms)
    rows = prompts(model, utterances, audio)
    inputs = inputs_of(model, rows, audio, [[] for _ in rows])
    decoder = CausalLm(
        model.language_model.get_decoder(),
        _TextHead(model),
        embed(model, inputs, project(model, inputs.audio)),
        inputs.mask,
    )
    room = [model.max_positions - sum(map(len, row)) for row in rows]
    ends = end_tokens(model.words)
    limits = Limits(ends, [min(both) for both in zip(budgets, room, strict=True)], max_repeats)
    lists = search_lists(decoder, limits, num_beams)
    return [
        [hypothesis_of(utterance, one, ends, partial(text_of, model.words)) for one in found[:num]]
        for utterance, found in zip(utterances, lists, strict=True)
    ]
