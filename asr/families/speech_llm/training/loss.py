"""The loss on transcripts, and the batches of clips and transcripts that it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from asr.core.errors import InputError
from asr.families.speech_llm.model.inputs import (
    Audio,
    Inputs,
    embed,
    inputs_of,
    num_stacks,
    project,
    prompts,
)
from asr.families.speech_llm.model.model import SpeechLlm
from asr.families.speech_llm.tokens import end_tokens, text_tokens
from asr.families.speech_llm.training.ctc import ctc_loss
from asr.generation.causal_lm import IGNORED, next_token_loss, right_padded
from asr.utterances.utterance import Utterance


@dataclass(frozen=True)
class LossBatch:
    """A batch for ``SummedLoss``.

    Attributes:
        inputs: prompt, clip and transcript.
        targets: the transcript and an end token, ``IGNORED`` elsewhere; same shape as the tokens.
    """

    inputs: Inputs
    targets: torch.Tensor

    @property
    def num_targets(self) -> int:
        """Number of tokens that the loss sums over."""
        return int((self.targets != IGNORED).sum())


def loss_batch(
    model: SpeechLlm,
    audio: Audio,
    utterances: Sequence[Utterance],
    token_dropout: float = 0.0,
    seeds: Sequence[int] = (),
) -> LossBatch:
    """Build a batch whose targets are the transcript and the end token, not the prompt.

    Args:
        model: the model.
        audio: the clips.
        utterances: the same clips, with transcripts.
        token_dropout: share of the tokens of transcripts that the model reads as end tokens, so
            that it relies on the audio.
        seeds: one per clip, so that its dropout does not depend on the other clips of the batch.

    Raises:
        InputError: if a transcript does not fit the language model; names the utterance.
    """
    end = end_tokens(model.words)[0]
    rows = prompts(model, utterances, audio)
    read, targets = [], []
    for index, (utterance, row) in enumerate(zip(utterances, rows, strict=True)):
        text = [*text_tokens(model.words, utterance.text), end]
        num_before = sum(map(len, row))
        if num_before + len(text) > model.max_positions:
            room = model.max_positions - num_before
            raise InputError(
                f"{utterance.id}: expected at most {room} tokens beside prompt and clip, got "
                f"{len(text)} for {utterance.text!r:.80}"
            )
        targets.append([IGNORED] * num_before + text)
        if token_dropout:
            generator = torch.Generator().manual_seed(seeds[index])
            unread = torch.rand(len(text), generator=generator) < token_dropout
            text = [end if u else token for token, u in zip(text, unread, strict=True)]
        read.append(text)
    inputs = inputs_of(model, rows, audio, read)
    return LossBatch(inputs, right_padded(targets, IGNORED).to(model.device))


class SummedLoss(nn.Module):
    """Cross-entropy summed over the target tokens of a batch, and CTC of the projector.

    Padding follows the text: the causal mask hides it from every target, so it needs no mask of
    its own.
    """

    def __init__(self, model: SpeechLlm, ctc_share: float = 0.0) -> None:
        super().__init__()
        self.network = model
        self._ctc_share = ctc_share

    def forward(self, batch: LossBatch) -> torch.Tensor:
        """Return the summed loss, a scalar."""
        model, share = self.network, self._ctc_share
        projected = project(model, batch.inputs.audio)
        loss = torch.zeros((), device=projected.device)
        if share < 1:
            language_model: Any = model.language_model
            embedded = embed(model, batch.inputs, projected)
            hidden = language_model.get_decoder()(inputs_embeds=embedded, use_cache=False)
            head = language_model.get_output_embeddings()
            tokens_loss = next_token_loss(hidden.last_hidden_state, head, batch.targets)
            loss = loss + (1 - share) * tokens_loss
        if share > 0:
            loss = loss + share * self._ctc(batch, projected)
        return loss

    def _ctc(self, batch: LossBatch, projected: torch.Tensor) -> torch.Tensor:
        model = self.network
        texts = [row[row != IGNORED][:-1] for row in batch.targets]
        embeddings = model.language_model.get_input_embeddings().weight
        blank = end_tokens(model.words)[-1]
        stacks = num_stacks(model, batch.inputs.audio)
        return ctc_loss(projected, stacks, texts, embeddings, blank)
