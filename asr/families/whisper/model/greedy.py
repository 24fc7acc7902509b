"""Greedy decoding of a batch; each clip leaves the batch when it ends.

Training also decodes dev with this module, so an edit here reruns training. An edit to the engines
in ``decoding/`` does not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from asr.families.whisper.model.model import Whisper, encode
from asr.families.whisper.tokens import hypothesis_of, prompt_tokens, tokens_without_text
from asr.features.log_mel import frames_of, log_mel
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance


@torch.inference_mode()
def transcribe_greedily(
    whisper: Whisper,
    waveforms: Sequence[npt.NDArray[np.float32]],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
) -> list[Hypothesis]:
    """Append the likeliest token until the end token comes or the budget is spent.

    Args:
        whisper: the model.
        waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
        utterances: the same clips, for language and id.
        context_s: seconds that the encoder computes for each clip.
        budgets: most tokens per clip, the end token included.

    Returns:
        One hypothesis a clip, in order.
    """
    end = whisper.network.generation_config.eos_token_id
    encoded, inputs, budgets = start_decoding(whisper, waveforms, utterances, context_s, budgets)
    always, first = suppression_masks(whisper)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    tokens: list[list[int]] = [[] for _ in utterances]
    log_probs = [0.0] * len(utterances)
    running = list(range(len(utterances)))  # clips, by row of the tensors
    while running:
        logits = next_logits(whisper, inputs, encoded, cache)
        logits += first if inputs.shape[1] > 1 else always
        best = logits.log_softmax(-1).max(-1)
        rows = []
        chosen = zip(running, best.indices.tolist(), best.values.tolist(), strict=True)
        for row, (clip, token, log_prob) in enumerate(chosen):
            tokens[clip].append(token)
            log_probs[clip] += log_prob
            if token != end and len(tokens[clip]) < budgets[clip]:
                rows.append(row)
        inputs = best.indices[:, None]
        if len(rows) < len(running):
            kept = torch.tensor(rows, dtype=torch.long, device=inputs.device)
            inputs, encoded = inputs[kept], encoded[kept]
            cache.batch_select_indices(kept)
            running = [running[row] for row in rows]
    return [
        hypothesis_of(whisper.tokenizer, end, utterance, clip_tokens, log_prob)
        for utterance, clip_tokens, log_prob in zip(utterances, tokens, log_probs, strict=True)
    ]


def start_decoding(
    whisper: Whisper,
    waveforms: Sequence[npt.NDArray[np.float32]],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """Encode the clips and build the prompts: the start of greedy decoding and of beam search.

    Returns:
        Encoder output, shape (batch, num_positions, d_model); prompts, shape (batch, num_tokens);
        budgets, cut to the decoder positions that the prompt leaves free.
    """
    mel = torch.from_numpy(log_mel(waveforms, frames_of(context_s), whisper.num_mels))
    generation = whisper.network.generation_config
    prompts = [prompt_tokens(generation, utterance.language) for utterance in utterances]
    most = whisper.max_tokens - len(prompts[0])
    return (
        encode(whisper, mel.to(whisper.device, whisper.network.dtype)),
        torch.tensor(prompts, device=whisper.device),
        [min(budget, most) for budget in budgets],
    )


def next_logits(
    whisper: Whisper, inputs: torch.Tensor, encoded: torch.Tensor, cache: EncoderDecoderCache
) -> torch.Tensor:
    """Logits of the token after ``inputs``, shape (batch, vocabulary), float32."""
    network: Any = whisper.network
    hidden = network.model.decoder(
        input_ids=inputs, encoder_hidden_states=encoded, past_key_values=cache, use_cache=True
    ).last_hidden_state
    return network.proj_out(hidden[:, -1]).float()  # type: ignore[no-any-return]


def suppression_masks(whisper: Whisper) -> tuple[torch.Tensor, torch.Tensor]:
    """Build the masks to add to logits: minus infinity for each suppressed token, else 0.

    The generation config lists these tokens: symbols that are not spoken, special tokens, and at
    the first position also a space and the end token. Tokens without text, such as timestamps, are
    suppressed too.

    Returns:
        The mask for any position and the mask for the first one, each of shape (vocab_size,).
    """
    config: Any = whisper.network.generation_config
    always = torch.zeros(whisper.network.config.vocab_size, device=whisper.device)
    always[list(config.suppress_tokens or ())] = -torch.inf
    no_timestamps, size = config.no_timestamps_token_id, whisper.network.config.vocab_size
    always[tokens_without_text(whisper.tokenizer, no_timestamps, size)] = -torch.inf
    first = always.clone()
    first[list(config.begin_suppress_tokens or ())] = -torch.inf
    return always, first
