"""Transcribe a batch: training does it on dev, decoding on the test set."""

from collections.abc import Sequence

import torch

from asr.families.qwen3_asr.model.model import Qwen3Asr, embeddings, features
from asr.families.qwen3_asr.tokens import END_OF_TEXT, name_unlisted
from asr.generation.causal_lm import CausalLm, mask_of_lengths, right_padded
from asr.generation.hypothesis import hypothesis_of
from asr.generation.search import Limits, search_lists
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


def transcribe_batch(
    model: Qwen3Asr,
    waveforms: Sequence[Waveform],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
    num_beams: int,
    max_repeats: int,
) -> list[Hypothesis]:
    """Find the likeliest text of each clip: the first of its candidates."""
    lists = list_candidates(
        model, waveforms, utterances, context_s, budgets, num_beams, max_repeats, 1
    )
    return [hypotheses[0] for hypotheses in lists]


@torch.inference_mode()
def list_candidates(
    model: Qwen3Asr,
    waveforms: Sequence[Waveform],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
    num_beams: int,
    max_repeats: int,
    num: int,
) -> list[list[Hypothesis]]:
    """List up to ``num`` likely texts of each clip, one by greedy search if ``num_beams`` is 1.

    Args:
        model: the model.
        waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
        utterances: the same clips, for language and id.
        context_s: whole seconds that the audio tower computes for each clip.
        budgets: most tokens per clip, the end token included.
        num_beams: beams of each clip.
        max_repeats: see ``Limits``.
        num: most hypotheses of each clip.

    Returns:
        Hypotheses of each clip, the likeliest first.
    """
    tokens, network = model.tokens, model.network
    name_unlisted(utterance.language for utterance in utterances)
    heard = features(model, waveforms, context_s)
    prompts = [
        tokens.prompt(utterance.language, num_audio)
        for utterance, num_audio in zip(utterances, heard.num_tokens, strict=True)
    ]
    inputs = right_padded(prompts, tokens.id(END_OF_TEXT)).to(model.device)
    decoder = CausalLm(
        network.model.language_model,
        network.lm_head,
        embeddings(network, inputs, heard),
        mask_of_lengths([len(prompt) for prompt in prompts], model.device),
    )
    room = [tokens.max_positions - len(prompt) for prompt in prompts]
    most = [min(both) for both in zip(budgets, room, strict=True)]
    limits = Limits(tokens.ends, most, max_repeats)
    lists = search_lists(decoder, limits, num_beams)
    return [
        [hypothesis_of(utterance, one, tokens.ends, tokens.text) for one in found[:num]]
        for utterance, found in zip(utterances, lists, strict=True)
    ]
