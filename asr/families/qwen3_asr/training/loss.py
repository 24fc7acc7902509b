"""Qwen3-ASR's loss, and the batches of clips and transcripts that it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from asr.core.errors import InputError
from asr.families.qwen3_asr.model.model import Features, Qwen3Asr, embeddings, features
from asr.families.qwen3_asr.tokens import END_OF_TEXT
from asr.generation.causal_lm import IGNORED, next_token_loss, right_padded
from asr.training.augmentation.spec_augment import spec_augment
from asr.training.params import SpecAugmentParams
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


@dataclass(frozen=True)
class LossBatch:
    """Tensors of one batch.

    Attributes:
        inputs: prompt, transcript and end token, shape (batch, num_tokens), right-padded.
        targets: the same, but ``IGNORED`` for prompt and padding.
        heard: log-mels.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    heard: Features

    @property
    def num_targets(self) -> int:
        """Number of tokens that the loss sums over."""
        return int((self.targets != IGNORED).sum())


def loss_batch(
    model: Qwen3Asr,
    waveforms: Sequence[Waveform],
    utterances: Sequence[Utterance],
    context_s: float,
    masks: SpecAugmentParams | None,
    seeds: Sequence[int],
) -> LossBatch:
    """Build a batch whose targets are the transcript and the end token, not the prompt.

    Args:
        model: the model.
        waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
        utterances: the same clips, with transcripts.
        context_s: whole seconds that the audio tower computes for each clip.
        masks: stripes of the log-mel to mask; None for none.
        seeds: one per clip, so that its masks don't depend on the other clips of the batch.

    Raises:
        InputError: if a transcript is longer than the language model; names the utterance.
    """
    tokens = model.tokens
    heard = features(model, waveforms, context_s)
    if masks is not None:
        for mel, count, seed in zip(heard.log_mel, heard.num_frames, seeds, strict=True):
            generator = torch.Generator().manual_seed(seed)
            mel[:, :count] = spec_augment(mel[None, :, :count], [count], masks, [generator])[0]
    inputs, targets = [], []
    for utterance, num_audio in zip(utterances, heard.num_tokens, strict=True):
        prompt = tokens.prompt(utterance.language, num_audio)
        answer = [*tokens.transcript(utterance.text), tokens.ends[0]]
        if len(prompt) + len(answer) > tokens.max_positions:
            raise InputError(
                f"{utterance.id}: expected at most {tokens.max_positions} tokens, the language "
                f"model's positions, got {len(prompt)} for prompt and audio and {len(answer)} for "
                f"{utterance.text!r:.80}"
            )
        inputs.append([*prompt, *answer])
        targets.append([*[IGNORED] * len(prompt), *answer])
    return LossBatch(
        right_padded(inputs, tokens.id(END_OF_TEXT)).to(model.device),
        right_padded(targets, IGNORED).to(model.device),
        heard,
    )


class SummedLoss(nn.Module):
    """Cross-entropy summed over the targets of a batch."""

    def __init__(self, model: Qwen3Asr) -> None:
        super().__init__()
        self.network = model.network

    def forward(self, batch: LossBatch) -> torch.Tensor:
        """Return the summed loss, a scalar."""
        network: Any = self.network
        # No mask: a causal model's output at a token can't depend on the padding after it.
        hidden = network.model.language_model(
            inputs_embeds=embeddings(network, batch.inputs, batch.heard), use_cache=False
        ).last_hidden_state
        return next_token_loss(hidden, network.lm_head, batch.targets)
