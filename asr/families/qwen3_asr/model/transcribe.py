"""Transcribe a batch: training does it on dev, decoding on the test set."""

from collections.abc import Sequence

import torch

from asr.families.qwen3_asr.model.model import Qwen3Asr, embeddings, features
from asr.families.qwen3_asr.tokens import END_OF_TEXT, name_unlisted
from asr.generation.causal_lm import CausalLm, mask_of_lengths, right_padded
from asr.generation.hypothesis import hypothesis_of
from asr.generation.search import Limits, search
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


@torch.inference_mode()
def transcribe_batch(
    model: Qwen3Asr,
    waveforms: Sequence[Waveform],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
    num_beams: int,
    max_repeats: int,
) -> list[Hypothesis]:
    """Find the likeliest text of each clip, greedily if ``num_beams`` is 1.

    Args:
        model: the model.
        waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
        utterances: the same clips, for language and id.
        context_s: whole seconds that the audio tower computes for each clip.
        budgets: most tokens per clip, the end token included.
        num_beams: beams of each clip.
        max_repeats: see ``Limits``.

    Returns:
        One hypothesis a clip, in order.
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
    return [
        hypothesis_of(utterance, found, tokens.ends, tokens.text)
        for utterance, found in zip(utterances, search(decoder, limits, num_beams), strict=True)
    ]
